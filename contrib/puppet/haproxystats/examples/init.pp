# All stats sockets of a directory, and one Graphite. The names of frontends tell
# their site, of which there are three.
class { 'haproxystats':
  groups           => ['haproxy'],
  exclude_backends => ['internal_stats'],
  configuration    => {
    'pull'            => {
      'socket-dir' => '/run/haproxy',
      'on-partial' => 'keep',
    },
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
