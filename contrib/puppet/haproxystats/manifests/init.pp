# @summary Installs, configures and runs haproxystats.
#
# The configuration is a hash of sections, each a hash of options, as
# haproxystats.conf(5) explains them. The file has only the options that are set, and
# the programs' defaults apply to the others.
#
# @example All stats sockets of a directory, and one Graphite
#   class { 'haproxystats':
#     groups        => ['haproxy'],
#     configuration => {
#       'pull'     => { 'socket-dir' => '/run/haproxy', 'on-partial' => 'keep' },
#       'graphite' => { 'server' => 'graphite.example.com', 'port' => 2003 },
#     },
#   }
#
# @param manage_package
#   Whether the module installs the package.
# @param package_name
#   The name of the package.
# @param version
#   `installed`, `latest`, or the version of the package.
# @param package_source
#   A package file on the node, if no repository has the package. `version` is then `installed` or `latest`.
# @param groups
#   Groups of the stats sockets, which the user `haproxystats` joins. They must exist.
# @param programs
#   The programs that the node runs. A node that combines others to clusters runs haproxystats-central, and not
#   haproxystats-process: both would need the same queue for Graphite.
# @param enable
#   Whether these programs run.
# @param autostart
#   Whether these programs are started with the node.
# @param restart_on_change
#   Whether a change of the configuration restarts these programs. Otherwise it reloads them, and restarts those that need
#   it.
# @param pull_cpu_affinity
#   CPUs of haproxystats-pull, as for systemd's `CPUAffinity`: `last` for the node's last one, `any` for all.
# @param process_cpu_affinity
#   CPUs of haproxystats-process: `last` for the node's last ones, as many as it has workers; `any` for all.
# @param writable_dirs
#   Directories outside of `base-dir` that options point into. They are made, and all units may write in them.
# @param configuration
#   The sections of the configuration, each with its options. A list is an array, or the text of the configuration. The
#   options of a section of groups are names of groups, each with the regular expression of its members, the first one
#   first; their dollar signs are doubled in the file.
# @param named
#   The sections with a name of yours, such as [node lb1] and [cluster eu]: by kind and name, each with its options.
# @param include_frontends
#   The only frontends to send, as names or /regular expressions/; they are put into a file of their own.
# @param include_backends
#   The only backends to send with their servers, in the same form; they are put into a file of their own.
# @param include_servers
#   The only servers to send, in the same form or as backend/server; they are put into a file of their own.
# @param exclude_frontends
#   Names of frontends to leave out, or /regular expressions/; they are put into a file of their own.
# @param exclude_backends
#   Names of backends to leave out with their servers, in the same form; they are put into a file of their own.
# @param exclude_servers
#   Names of servers to leave out, in the same form or as backend/server; they are put into a file of their own.
class haproxystats (
  Boolean                          $manage_package       = true,
  String[1]                        $package_name         = 'haproxystats',
  String[1]                        $version              = 'installed',
  Optional[Haproxystats::Absolute] $package_source       = undef,
  Array[String[1]]                 $groups               = [],
  Array[Haproxystats::Program]     $programs             = ['haproxystats-pull', 'haproxystats-process'],
  Boolean                          $enable               = true,
  Boolean                          $autostart            = true,
  Boolean                          $restart_on_change    = false,
  Haproxystats::Cpus               $pull_cpu_affinity    = 'last',
  Haproxystats::Cpus               $process_cpu_affinity = 'last',
  Array[Haproxystats::Absolute]    $writable_dirs        = [],
  Haproxystats::Configuration      $configuration        = {},
  Haproxystats::Named              $named                = {},
  Array[Haproxystats::Name]        $include_frontends    = [],
  Array[Haproxystats::Name]        $include_backends     = [],
  Array[Haproxystats::Name]        $include_servers      = [],
  Array[Haproxystats::Name]        $exclude_frontends    = [],
  Array[Haproxystats::Name]        $exclude_backends     = [],
  Array[Haproxystats::Name]        $exclude_servers      = [],
) {
  if 'haproxystats-process' in $programs and 'haproxystats-central' in $programs {
    fail('haproxystats: haproxystats-process and haproxystats-central need the same queue for Graphite: run them on different nodes')
  }

  contain haproxystats::install
  contain haproxystats::config
  contain haproxystats::units
  contain haproxystats::service

  Class['haproxystats::install']
  -> Class['haproxystats::config']
  -> Class['haproxystats::service']

  if $restart_on_change {
    Class['haproxystats::config'] ~> Class['haproxystats::service']
  }

  Class['haproxystats::install']
  -> Class['haproxystats::units']
  ~> Class['haproxystats::service']
}
