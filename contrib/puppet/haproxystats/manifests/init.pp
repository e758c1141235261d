# @summary Installs, configures and runs haproxystats.
#
# Parameters named after a section and an option of the configuration, as
# pull_retries, set that option; haproxystats.conf(5) explains them. What is not
# given is left out of the file, so that the default of the programs holds.
#
# @example All stats sockets of a directory, to one Graphite
#   class { 'haproxystats':
#     groups          => ['haproxy'],
#     pull_socket_dir => '/run/haproxy',
#     graphite_server => 'graphite.example.com',
#     graphite_port   => 2003,
#   }
#
# @param manage_package
#   Whether the module installs the package.
# @param package_name
#   The name of the package.
# @param version
#   `installed`, `latest`, or the version of the package.
# @param package_source
#   A package file on the node, where no repository has it. `version` is then `installed` or `latest`.
# @param groups
#   Groups of the stats sockets, which the user `haproxystats` joins. They must exist.
# @param enable
#   Whether the programs run.
# @param autostart
#   Whether the programs are started with the node.
# @param pull_cpu_affinity
#   CPUs of haproxystats-pull, as for systemd's `CPUAffinity`: `last` for the node's last one, `any` for all.
# @param process_cpu_affinity
#   CPUs of haproxystats-process: `last` for the node's last ones, as many as it has workers; `any` for all.
# @param writable_dirs
#   Directories outside of `paths_base_dir` that the other options point into. They are made, and both units may write in them.
# @param default_loglevel
#   The least severe messages that are logged.
# @param default_log_format
#   How messages are written: text, or json for log collectors.
# @param default_retries
#   Connections tried after the first one failed, -1 for no end; [pull] and [graphite] have their own.
# @param default_timeout
#   Seconds for a connection; [pull] and [graphite] have their own.
# @param default_interval
#   Seconds between two tries to connect; [pull] and [graphite] have their own.
# @param paths_base_dir
#   The directory that all other directories are in, unless they are set themselves.
# @param pull_loglevel
#   As in [DEFAULT], for haproxystats-pull alone.
# @param pull_log_format
#   As in [DEFAULT], for haproxystats-pull alone.
# @param pull_socket_dir
#   The directory with the UNIX sockets of HAProxy.
# @param pull_servers
#   Stats sockets: tcp://host:port, tcp://[v6]:port, unix:///path/of/socket.
# @param pull_retries
#   Connections to a socket tried after the first one failed, -1 for no end.
# @param pull_timeout
#   Seconds for a connection to a socket.
# @param pull_interval
#   Seconds between two tries to connect to a socket.
# @param pull_pull_timeout
#   Seconds for a whole round, 0 for no limit.
# @param pull_pull_interval
#   Seconds from the start of one round to the start of the next.
# @param pull_buffer_limit
#   Bytes of memory that may be used for one reply.
# @param pull_dst_dir
#   Where complete rounds are put for haproxystats-process.
# @param pull_tmp_dst_dir
#   Where a round is written until it is complete, on the file system of dst-dir.
# @param pull_workers
#   Replies that may be written to disk at the same time.
# @param pull_queue_size
#   Rounds that may wait before pulling pauses.
# @param pull_on_partial
#   What becomes of a round in which some of the sockets fail.
# @param pull_status_socket
#   The UNIX socket at which haproxystats-pull says how it fares; an empty text for none.
# @param process_loglevel
#   As in [DEFAULT], for haproxystats-process alone.
# @param process_log_format
#   As in [DEFAULT], for haproxystats-process alone.
# @param process_src_dir
#   Where rounds are taken from: the dst-dir of [pull].
# @param process_workers
#   Rounds that may be processed at the same time.
# @param process_metric_set
#   Which metrics there are when no list is set: all, or the classic ones of haproxystats 0.5.
# @param process_frontend_metrics
#   The only metrics of frontends that are emitted.
# @param process_backend_metrics
#   The only metrics of backends that are emitted.
# @param process_server_metrics
#   The only metrics of servers that are emitted.
# @param process_aggr_server_metrics
#   Adds the totals of every server name over all backends.
# @param process_exclude_frontends
#   Names of frontends to leave out; they are put into a file of their own.
# @param process_exclude_backends
#   Names of backends to leave out with their servers; they are put into a file of their own.
# @param process_per_process_metrics
#   Adds the metrics of each HAProxy process.
# @param process_calculate_percentages
#   Adds how much of HAProxy's limits is in use.
# @param process_liveness_check_interval
#   Seconds between two looks at whether the workers get on.
# @param process_status_socket
#   The UNIX socket at which haproxystats-process says how it fares; an empty text for none.
# @param graphite_server
#   The Graphite server or relay, or several that stand in for one another: host, host:port, [v6]:port.
# @param graphite_port
#   The port where the server is given without one.
# @param graphite_confirm
#   What it takes for metrics to count as delivered.
# @param graphite_tls
#   Encrypts the connections and checks the server's certificate.
# @param graphite_ca_file
#   The authorities that may have signed the server's certificate, in PEM form.
# @param graphite_cert_file
#   The certificate for servers that ask for one, in PEM form.
# @param graphite_key_file
#   The file of the certificate's key; its content is never taken.
# @param graphite_server_name
#   The name that the server's certificate must have.
# @param graphite_retries
#   Connections tried after the first one failed, -1 for no end.
# @param graphite_interval
#   Seconds before the first connection that is tried again.
# @param graphite_timeout
#   Seconds that stand in for connect-timeout and write-timeout where these are not set.
# @param graphite_connect_timeout
#   Seconds for a connection.
# @param graphite_write_timeout
#   Seconds in which the server must take what is sent.
# @param graphite_delay
#   Seconds without any try after all have failed.
# @param graphite_backoff
#   Every further wait between two tries is this many times as long.
# @param graphite_namespace
#   The first part of every metric's path.
# @param graphite_prefix_hostname
#   Puts the name of the host after the namespace.
# @param graphite_fqdn
#   Uses the whole name of the host, or else its first part.
# @param graphite_queue_size
#   Metrics that may wait while Graphite does not take them.
# @param graphite_queue_dir
#   Where metrics wait while Graphite does not take them.
# @param graphite_queue_max_bytes
#   Bytes on disk for metrics that wait.
# @param graphite_group_namespace
#   Puts the metrics of names in a group below <group-namespace>.<group>.
# @param graphite_group_namespace_double_writes
#   Whether metrics in a group are sent below their plain path too.
# @param local_store_enabled
#   Metrics in files too, for debugging. Nothing removes them.
# @param local_store_dir
#   The directory for the files of the local store.
# @param frontend_groups
#   Groups of frontends: names and the regular expressions of Python that they match, the first one first.
# @param backend_groups
#   Groups of backends: names and the regular expressions of Python that they match, the first one first.
# @param server_groups
#   Groups of servers: names and the regular expressions of Python that they match, the first one first.
class haproxystats (
  Boolean                                         $manage_package                         = true,
  String[1]                                       $package_name                           = 'haproxystats',
  String[1]                                       $version                                = 'installed',
  Optional[Haproxystats::Absolute]                $package_source                         = undef,
  Array[String[1]]                                $groups                                 = [],
  Boolean                                         $enable                                 = true,
  Boolean                                         $autostart                              = true,
  Haproxystats::Cpus                              $pull_cpu_affinity                      = 'last',
  Haproxystats::Cpus                              $process_cpu_affinity                   = 'last',
  Array[Haproxystats::Absolute]                   $writable_dirs                          = [],
  Optional[Haproxystats::Loglevel]                $default_loglevel                       = undef,
  Optional[Enum['text', 'json']]                  $default_log_format                     = undef,
  Optional[Integer[-1]]                           $default_retries                        = undef,
  Optional[Haproxystats::Positive]                $default_timeout                        = undef,
  Optional[Haproxystats::Seconds]                 $default_interval                       = undef,
  Optional[Haproxystats::Absolute]                $paths_base_dir                         = undef,
  Optional[Haproxystats::Loglevel]                $pull_loglevel                          = undef,
  Optional[Enum['text', 'json']]                  $pull_log_format                        = undef,
  Optional[Haproxystats::Path]                    $pull_socket_dir                        = undef,
  Haproxystats::List                              $pull_servers                           = [],
  Optional[Integer[-1]]                           $pull_retries                           = undef,
  Optional[Haproxystats::Positive]                $pull_timeout                           = undef,
  Optional[Haproxystats::Seconds]                 $pull_interval                          = undef,
  Optional[Haproxystats::Seconds]                 $pull_pull_timeout                      = undef,
  Optional[Integer[1]]                            $pull_pull_interval                     = undef,
  Optional[Integer[1]]                            $pull_buffer_limit                      = undef,
  Optional[Haproxystats::Path]                    $pull_dst_dir                           = undef,
  Optional[Haproxystats::Path]                    $pull_tmp_dst_dir                       = undef,
  Optional[Integer[1]]                            $pull_workers                           = undef,
  Optional[Integer[1]]                            $pull_queue_size                        = undef,
  Optional[Enum['discard', 'keep']]               $pull_on_partial                        = undef,
  Optional[Variant[Haproxystats::Path, Enum['']]] $pull_status_socket                     = undef,
  Optional[Haproxystats::Loglevel]                $process_loglevel                       = undef,
  Optional[Enum['text', 'json']]                  $process_log_format                     = undef,
  Optional[Haproxystats::Path]                    $process_src_dir                        = undef,
  Optional[Integer[1]]                            $process_workers                        = undef,
  Optional[Enum['all', 'classic']]                $process_metric_set                     = undef,
  Haproxystats::Metrics                           $process_frontend_metrics               = [],
  Haproxystats::Metrics                           $process_backend_metrics                = [],
  Haproxystats::Metrics                           $process_server_metrics                 = [],
  Optional[Boolean]                               $process_aggr_server_metrics            = undef,
  Array[Haproxystats::Name]                       $process_exclude_frontends              = [],
  Array[Haproxystats::Name]                       $process_exclude_backends               = [],
  Optional[Boolean]                               $process_per_process_metrics            = undef,
  Optional[Boolean]                               $process_calculate_percentages          = undef,
  Optional[Haproxystats::Positive]                $process_liveness_check_interval        = undef,
  Optional[Variant[Haproxystats::Path, Enum['']]] $process_status_socket                  = undef,
  Haproxystats::List                              $graphite_server                        = [],
  Optional[Integer[1, 65535]]                     $graphite_port                          = undef,
  Optional[Enum['half-close', 'drain']]           $graphite_confirm                       = undef,
  Optional[Boolean]                               $graphite_tls                           = undef,
  Optional[Haproxystats::Path]                    $graphite_ca_file                       = undef,
  Optional[Haproxystats::Path]                    $graphite_cert_file                     = undef,
  Optional[Haproxystats::Path]                    $graphite_key_file                      = undef,
  Optional[Haproxystats::Line]                    $graphite_server_name                   = undef,
  Optional[Integer[-1]]                           $graphite_retries                       = undef,
  Optional[Haproxystats::Seconds]                 $graphite_interval                      = undef,
  Optional[Haproxystats::Positive]                $graphite_timeout                       = undef,
  Optional[Haproxystats::Positive]                $graphite_connect_timeout               = undef,
  Optional[Haproxystats::Positive]                $graphite_write_timeout                 = undef,
  Optional[Haproxystats::Seconds]                 $graphite_delay                         = undef,
  Optional[Haproxystats::Positive]                $graphite_backoff                       = undef,
  Optional[Haproxystats::Line]                    $graphite_namespace                     = undef,
  Optional[Boolean]                               $graphite_prefix_hostname               = undef,
  Optional[Boolean]                               $graphite_fqdn                          = undef,
  Optional[Integer[1]]                            $graphite_queue_size                    = undef,
  Optional[Haproxystats::Path]                    $graphite_queue_dir                     = undef,
  Optional[Integer[1]]                            $graphite_queue_max_bytes               = undef,
  Optional[Haproxystats::Line]                    $graphite_group_namespace               = undef,
  Optional[Boolean]                               $graphite_group_namespace_double_writes = undef,
  Boolean                                         $local_store_enabled                    = false,
  Optional[Haproxystats::Path]                    $local_store_dir                        = undef,
  Haproxystats::Groups                            $frontend_groups                        = {},
  Haproxystats::Groups                            $backend_groups                         = {},
  Haproxystats::Groups                            $server_groups                          = {},
) {
  contain haproxystats::install
  contain haproxystats::config
  contain haproxystats::units
  contain haproxystats::service

  Class['haproxystats::install']
  -> Class['haproxystats::config']
  ~> Class['haproxystats::service']

  Class['haproxystats::install']
  -> Class['haproxystats::units']
  ~> Class['haproxystats::service']
}
