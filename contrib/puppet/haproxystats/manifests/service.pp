# @summary The programs as services, where systemd runs.
#
# It does not in containers, and while images are built. A reload that ends with
# status 2 has found options that need a restart.
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

      if $ensure == running and !$haproxystats::restart_on_change {
        $needs_restart = "systemctl show --property=ExecReload ${program} | grep -q '; status=2 }'"

        exec { "reload ${program}":
          command     => "systemctl reload ${program} || { ${needs_restart} && systemctl restart ${program}; }",
          provider    => shell,
          path        => ['/usr/sbin', '/usr/bin', '/sbin', '/bin'],
          refreshonly => true,
          subscribe   => Class['haproxystats::config'],
          require     => Service[$program],
        }
      }
    }
  }
}
