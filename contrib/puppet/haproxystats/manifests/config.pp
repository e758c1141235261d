# @summary The configuration of both programs, and what it refers to.
#
# @api private
class haproxystats::config {
  $file = '/etc/haproxystats.conf'

  $base_dir = $haproxystats::paths_base_dir ? {
    undef   => '/var/lib/haproxystats',
    default => $haproxystats::paths_base_dir,
  }
  $directories = unique([$base_dir] + $haproxystats::writable_dirs)

  $lists = {
    'exclude-frontends' => $haproxystats::process_exclude_frontends,
    'exclude-backends'  => $haproxystats::process_exclude_backends,
  }
  $list_files = $lists.reduce({}) |$files, $list| {
    $list[1].empty ? {
      true    => $files,
      default => $files + { $list[0] => "/etc/haproxystats.${list[0]}" },
    }
  }

  $sections = {
    'DEFAULT' => {
      'loglevel'   => $haproxystats::default_loglevel,
      'log-format' => $haproxystats::default_log_format,
      'retries'    => $haproxystats::default_retries,
      'timeout'    => $haproxystats::default_timeout,
      'interval'   => $haproxystats::default_interval,
    },
    'paths' => {
      'base-dir' => $haproxystats::paths_base_dir,
    },
    'pull' => {
      'loglevel'      => $haproxystats::pull_loglevel,
      'log-format'    => $haproxystats::pull_log_format,
      'socket-dir'    => $haproxystats::pull_socket_dir,
      'servers'       => haproxystats::list($haproxystats::pull_servers, ', '),
      'retries'       => $haproxystats::pull_retries,
      'timeout'       => $haproxystats::pull_timeout,
      'interval'      => $haproxystats::pull_interval,
      'pull-timeout'  => $haproxystats::pull_pull_timeout,
      'pull-interval' => $haproxystats::pull_pull_interval,
      'buffer-limit'  => $haproxystats::pull_buffer_limit,
      'dst-dir'       => $haproxystats::pull_dst_dir,
      'tmp-dst-dir'   => $haproxystats::pull_tmp_dst_dir,
      'workers'       => $haproxystats::pull_workers,
      'queue-size'    => $haproxystats::pull_queue_size,
      'on-partial'    => $haproxystats::pull_on_partial,
      'status-socket' => $haproxystats::pull_status_socket,
    },
    'process' => {
      'loglevel'                => $haproxystats::process_loglevel,
      'log-format'              => $haproxystats::process_log_format,
      'src-dir'                 => $haproxystats::process_src_dir,
      'workers'                 => $haproxystats::process_workers,
      'metric-set'              => $haproxystats::process_metric_set,
      'frontend-metrics'        => haproxystats::list($haproxystats::process_frontend_metrics, ' '),
      'backend-metrics'         => haproxystats::list($haproxystats::process_backend_metrics, ' '),
      'server-metrics'          => haproxystats::list($haproxystats::process_server_metrics, ' '),
      'aggr-server-metrics'     => $haproxystats::process_aggr_server_metrics,
      'exclude-frontends'       => $list_files['exclude-frontends'],
      'exclude-backends'        => $list_files['exclude-backends'],
      'per-process-metrics'     => $haproxystats::process_per_process_metrics,
      'calculate-percentages'   => $haproxystats::process_calculate_percentages,
      'liveness-check-interval' => $haproxystats::process_liveness_check_interval,
      'status-socket'           => $haproxystats::process_status_socket,
    },
    'graphite' => {
      'server'                        => haproxystats::list($haproxystats::graphite_server, ', '),
      'port'                          => $haproxystats::graphite_port,
      'confirm'                       => $haproxystats::graphite_confirm,
      'tls'                           => $haproxystats::graphite_tls,
      'ca-file'                       => $haproxystats::graphite_ca_file,
      'cert-file'                     => $haproxystats::graphite_cert_file,
      'key-file'                      => $haproxystats::graphite_key_file,
      'server-name'                   => $haproxystats::graphite_server_name,
      'retries'                       => $haproxystats::graphite_retries,
      'interval'                      => $haproxystats::graphite_interval,
      'timeout'                       => $haproxystats::graphite_timeout,
      'connect-timeout'               => $haproxystats::graphite_connect_timeout,
      'write-timeout'                 => $haproxystats::graphite_write_timeout,
      'delay'                         => $haproxystats::graphite_delay,
      'backoff'                       => $haproxystats::graphite_backoff,
      'namespace'                     => $haproxystats::graphite_namespace,
      'prefix-hostname'               => $haproxystats::graphite_prefix_hostname,
      'fqdn'                          => $haproxystats::graphite_fqdn,
      'queue-size'                    => $haproxystats::graphite_queue_size,
      'queue-dir'                     => $haproxystats::graphite_queue_dir,
      'queue-max-bytes'               => $haproxystats::graphite_queue_max_bytes,
      'group-namespace'               => $haproxystats::graphite_group_namespace,
      'group-namespace-double-writes' => $haproxystats::graphite_group_namespace_double_writes,
    },
  }
  $given = $sections.reduce({}) |$all, $section| {
    $options = $section[1].filter |$name, $value| { $value =~ NotUndef }
    $options.empty ? {
      true    => $all,
      default => $all + { $section[0] => $options },
    }
  }

  # This section works by being there.
  $local_store = $haproxystats::local_store_enabled ? {
    true    => { 'local-store' => { 'dir' => $haproxystats::local_store_dir }.filter |$name, $value| { $value =~ NotUndef } },
    default => {},
  }

  $groups = {
    'frontend-groups' => $haproxystats::frontend_groups,
    'backend-groups'  => $haproxystats::backend_groups,
    'server-groups'   => $haproxystats::server_groups,
  }.filter |$section, $patterns| { !$patterns.empty }

  file { $directories:
    ensure => directory,
    owner  => 'haproxystats',
    group  => 'haproxystats',
    mode   => '0750',
  }

  # The programs read the lists when they check the file: a new list comes
  # before it, and one that is not wanted any more goes after it.
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

  $check = ['haproxystats-pull', 'haproxystats-process'].map |$program| { "/usr/bin/${program} -P -f \"\$1\" >/dev/null" }

  file { $file:
    ensure       => file,
    owner        => 'root',
    group        => 'haproxystats',
    mode         => '0640',
    content      => epp('haproxystats/haproxystats.conf.epp', {
      'sections' => $given + $local_store,
      'groups'   => $groups,
    }),
    validate_cmd => "/bin/sh -c '${check.join(' && ')}' sh %",
  }
}
