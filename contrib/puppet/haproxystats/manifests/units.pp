# @summary What the units of the package need to know of this node.
#
# The files have the names of the examples in contrib/systemd.
#
# @api private
class haproxystats::units {
  $units = ['haproxystats-pull', 'haproxystats-process', 'haproxystats-central']

  $workers = $haproxystats::configuration.dig('process', 'workers') ? {
    undef   => 4,
    default => $haproxystats::configuration['process']['workers'],
  }
  $pull_cpus = $haproxystats::pull_cpu_affinity ? {
    'any'   => [],
    'last'  => ["CPUAffinity=${haproxystats::last_cpus(1)}"],
    default => ["CPUAffinity=${haproxystats::pull_cpu_affinity}"],
  }
  $process_cpus = $haproxystats::process_cpu_affinity ? {
    'any'   => [],
    'last'  => $workers ? {
      Integer => ["CPUAffinity=${haproxystats::last_cpus($workers)}"],
      default => fail("haproxystats: workers in [process] is ${workers}: set process_cpu_affinity, as the last CPUs can't be counted"),
    },
    default => ["CPUAffinity=${haproxystats::process_cpu_affinity}"],
  }

  # The units may write in the directory of the package only.
  $elsewhere = $haproxystats::config::directories.filter |$directory| {
    $directory !~ /\A\/var\/lib\/haproxystats(\/|\z)/
  }
  $spool = $elsewhere ? {
    []      => [],
    default => ["ReadWritePaths=${elsewhere.join(' ')}"],
  }

  # The unit of haproxystats-pull has no network.
  $servers = [$haproxystats::configuration.dig('pull', 'servers')].flatten.filter |$server| { $server =~ NotUndef }
  $tcp = $servers.join(',') ? {
    /(?i)(\A|,)\s*tcp:/ => ['PrivateNetwork=no', 'RestrictAddressFamilies=AF_INET AF_INET6', 'IPAddressDeny='],
    default             => [],
  }

  file { $units.map |$unit| { "/etc/systemd/system/${unit}.service.d" }:
    ensure => directory,
    owner  => 'root',
    group  => 'root',
    mode   => '0755',
  }

  haproxystats::dropin {
    'haproxystats-pull/cpu.conf':
      directives => $pull_cpus;
    'haproxystats-process/cpu.conf':
      directives => $process_cpus;
    'haproxystats-pull/spool.conf':
      directives => $spool;
    'haproxystats-process/spool.conf':
      directives => $spool;
    'haproxystats-central/spool.conf':
      directives => $spool;
    'haproxystats-pull/tcp.conf':
      directives => $tcp;
  }
}
