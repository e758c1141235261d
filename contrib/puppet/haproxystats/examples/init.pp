# All stats sockets of a directory, to one Graphite; three sites told apart by
# the names of their frontends.
class { 'haproxystats':
  groups                                 => ['haproxy'],
  pull_socket_dir                        => '/run/haproxy',
  process_exclude_backends               => ['internal_stats'],
  graphite_server                        => 'graphite.example.com',
  graphite_port                          => 2003,
  graphite_group_namespace               => 'site',
  graphite_group_namespace_double_writes => true,
  frontend_groups                        => {
    'nl' => '^nl_',
    'de' => '^de_',
    'at' => '_at$',
  },
}
