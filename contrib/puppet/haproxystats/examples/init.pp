# All stats sockets of a directory, to one Graphite; three sites told apart by
# the names of their frontends.
class { 'haproxystats':
  groups           => ['haproxy'],
  exclude_backends => ['internal_stats'],
  configuration    => {
    'pull'            => { 'socket-dir' => '/run/haproxy' },
    'graphite'        => {
      'server'                        => 'graphite.example.com',
      'port'                          => 2003,
      'group-namespace'               => 'site',
      'group-namespace-double-writes' => true,
    },
    'frontend-groups' => {
      'nl' => '^nl_',
      'de' => '^de_',
      'at' => '_at$',
    },
  },
}
