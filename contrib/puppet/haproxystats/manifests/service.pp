# @summary Both programs as services, where systemd runs.
#
# It does not in containers, and while images are built.
#
# @api private
class haproxystats::service {
  $ensure = $haproxystats::enable ? {
    true    => running,
    default => stopped,
  }

  unless $facts['haproxystats_systemd'] == false {
    service { ['haproxystats-pull', 'haproxystats-process']:
      ensure => $ensure,
      enable => $haproxystats::autostart,
    }
  }
}
