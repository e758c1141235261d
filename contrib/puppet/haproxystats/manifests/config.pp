# @summary The configuration of the programs, and the files that it names.
#
# @api private
class haproxystats::config {
  $file = '/etc/haproxystats.conf'

  $base_dir = $haproxystats::configuration.dig('paths', 'base-dir') ? {
    undef                  => '/var/lib/haproxystats',
    Haproxystats::Absolute => $haproxystats::configuration['paths']['base-dir'],
    default                => fail('haproxystats: base-dir in [paths] must be a path from the root without blanks and references'),
  }
  $directories = unique([$base_dir] + $haproxystats::writable_dirs)

  $lists = {
    'include-frontends' => $haproxystats::include_frontends,
    'include-backends'  => $haproxystats::include_backends,
    'include-servers'   => $haproxystats::include_servers,
    'exclude-frontends' => $haproxystats::exclude_frontends,
    'exclude-backends'  => $haproxystats::exclude_backends,
    'exclude-servers'   => $haproxystats::exclude_servers,
  }
  $list_files = $lists.reduce({}) |$files, $list| {
    $list[1].empty ? {
      true    => $files,
      default => $files + { $list[0] => "/etc/haproxystats.${list[0]}" },
    }
  }

  # A file that the configuration names takes precedence over a list of names.
  $process = $haproxystats::configuration['process'] ? {
    undef   => $list_files,
    default => $list_files + $haproxystats::configuration['process'],
  }
  $plain = $process.empty ? {
    true    => $haproxystats::configuration,
    default => $haproxystats::configuration + { 'process' => $process },
  }
  $sections = $haproxystats::named.reduce($plain) |$all, $kind| {
    $all + $kind[1].reduce({}) |$those, $instance| {
      $those + { haproxystats::section($kind[0], $instance[0]) => $instance[1] }
    }
  }

  file { $directories:
    ensure => directory,
    owner  => 'haproxystats',
    group  => 'haproxystats',
    mode   => '0750',
  }

  # The programs read the lists when they check the file. So a new list is
  # written before the file, and an old list is removed after it.
  $lists.each |$option, $names| {
    if $names.empty {
      file { "/etc/haproxystats.${option}":
        ensure  => absent,
        require => File[$file],
      }
    } else {
      file { "/etc/haproxystats.${option}":
        ensure  => file,
        owner   => 'root',
        group   => 'haproxystats',
        mode    => '0640',
        content => epp('haproxystats/names.epp', { 'names' => $names }),
        before  => File[$file],
      }
    }
  }

  # The programs have the variables of these files, for options such as ${env:PORT}.
  $environment = [
    'for f in /etc/default/haproxystats /etc/default/haproxystats-central; do',
    '[ ! -r $f ] || while IFS== read -r n v; do case $n in [!A-Za-z_]*|*[!A-Za-z0-9_]*|"") ;; *)',
    'case $v in \"*\") v=$(printf %s "$v" | tr -d \") ;; esac; export "$n=$v" ;; esac; done <$f; done;',
  ].join(' ')
  # The rules for clusters do not hold where haproxystats-central does not run.
  $checking = unique(['haproxystats-pull', 'haproxystats-process'] + $haproxystats::programs)
  $check = $checking.map |$program| { "/usr/bin/${program} -P -f \"\$1\" >/dev/null" }

  file { $file:
    ensure               => file,
    owner                => 'root',
    group                => 'haproxystats',
    mode                 => '0640',
    content              => epp('haproxystats/haproxystats.conf.epp', { 'sections' => $sections }),
    validate_cmd         => "/bin/sh -c '${environment} ${check.join(' && ')}' sh @file@",
    validate_replacement => '@file@',
  }
}
