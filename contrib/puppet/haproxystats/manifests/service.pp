# @summary The programs as services, where systemd runs.
#
# It does not in containers, and while images are built.
#
# @api private
class haproxystats::service {
  unless $facts['haproxystats_systemd'] == false {
    ['haproxystats-pull', 'haproxystats-process', 'haproxystats-central'].each |$program| {
      $wanted = $program in $haproxystats::programs
      $ensure = ($wanted and $haproxystats::enable) ? {
        true    => running,
        default => stopped,
      }

      service { $program:
        ensure => $ensure,
        enable => ($wanted and $haproxystats::autostart),
      }
    }
  }
}
