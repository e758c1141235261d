CONF = '/etc/haproxystats.conf'.freeze

describe 'haproxystats' do
  def conf
    catalogue.resource('file', CONF)[:content].lines.map(&:chomp).reject { |line| line.start_with?('#') }.join("\n").strip
  end

  context 'when nothing is given' do
    it { is_expected.to compile.with_all_deps }
    it { expect(conf).to eq('') }
    it { is_expected.to contain_file('/var/lib/haproxystats').with(owner: 'haproxystats', group: 'haproxystats', mode: '0750') }
    it { is_expected.to contain_file('/etc/haproxystats.exclude-frontends').with_ensure('absent').that_requires("File[#{CONF}]") }
    it { is_expected.to contain_file('/etc/haproxystats.exclude-backends').with_ensure('absent').that_requires("File[#{CONF}]") }

    it 'keeps the configuration from others, and has the programs of the node look at it' do
      is_expected.to contain_file(CONF).with(owner: 'root', group: 'haproxystats', mode: '0640')
      expect(catalogue.resource('file', CONF)[:validate_cmd])
        .to end_with(%q( /usr/bin/haproxystats-pull -P -f "$1" >/dev/null && /usr/bin/haproxystats-process -P -f "$1" >/dev/null' sh @file@))
    end
  end

  context 'with values of every kind' do
    let(:params) do
      {
        'configuration' => {
          'pull' => {
            'socket-dir' => '/run/haproxy',
            'servers' => ['unix:///run/a.sock', 'unix:///run/b.sock'],
            'timeout' => 0.25,
            'pull-timeout' => 0,
            'state-dir' => '',
            'status-socket' => '',
          },
          'process' => { 'frontend-metrics' => ['bin', 'bout'], 'aggr-server-metrics' => false },
          'paths' => {},
          'graphite' => { 'server' => 'a.example.com, b.example.com' },
        },
      }
    end

    it 'writes what is given and nothing else' do
      expect(conf).to eq(<<~TEXT.chomp)
        [pull]
        socket-dir = /run/haproxy
        servers = unix:///run/a.sock, unix:///run/b.sock
        timeout = 0.25
        pull-timeout = 0
        state-dir = 
        status-socket = 

        [process]
        frontend-metrics = bin bout
        aggr-server-metrics = false

        [graphite]
        server = a.example.com, b.example.com
      TEXT
    end
  end

  context 'with references for numbers, words and booleans' do
    let(:params) do
      {
        'configuration' => {
          'pull' => { 'timeout' => '${env:SECONDS}', 'workers' => '${env:WORKERS}', 'hold-workers' => '${env:HOLD}', 'loglevel' => '${env:LEVEL}' },
          'graphite' => { 'port' => '${env:PORT}', 'server' => '${env:HOST}.example.com' },
        },
      }
    end

    it 'writes them as they are' do
      expect(conf).to eq(<<~'TEXT'.chomp)
        [pull]
        timeout = ${env:SECONDS}
        workers = ${env:WORKERS}
        hold-workers = ${env:HOLD}
        loglevel = ${env:LEVEL}

        [graphite]
        port = ${env:PORT}
        server = ${env:HOST}.example.com
      TEXT
    end
  end

  context 'with a number of workers that only the node knows' do
    let(:params) { { 'configuration' => { 'process' => { 'workers' => '${env:WORKERS}' } } } }

    it { is_expected.to compile.and_raise_error(%r{workers in \[process\] is \$\{env:WORKERS\}: set process_cpu_affinity}) }
  end

  context 'with names to leave out' do
    let(:params) { { 'exclude_backends' => ['internal', 'stats.local'] } }

    it { expect(conf).to eq("[process]\nexclude-backends = /etc/haproxystats.exclude-backends") }

    it do
      is_expected.to contain_file('/etc/haproxystats.exclude-backends')
        .with(mode: '0640', group: 'haproxystats', content: %r{^internal\nstats\.local\n\z})
        .that_comes_before("File[#{CONF}]")
    end
  end

  context 'with a file of names to leave out' do
    let(:params) { { 'configuration' => { 'process' => { 'workers' => 2, 'exclude-backends' => '/srv/names' } } } }

    it { expect(conf).to eq("[process]\nworkers = 2\nexclude-backends = /srv/names") }
  end

  context 'with groups' do
    let(:params) { { 'configuration' => { 'server-groups' => { 'web' => '^web[0-9]+$', 'db' => '^db', 'any' => '.' } } } }

    it 'keeps their order and doubles dollar signs' do
      expect(conf).to eq("[server-groups]\nweb = ^web[0-9]+$$\ndb = ^db\nany = .")
    end
  end

  context 'with sections that have names' do
    let(:params) do
      {
        'configuration' => { 'cluster' => { 'interval' => 20 } },
        'named' => {
          'node' => { 'lb1' => { 'cluster' => 'eu', 'servers' => ['tcp://a:1', 'tcp://b:1'] }, 'lb2.example.com' => { 'cluster' => 'x$-groups' } },
          'cluster' => { 'x-groups' => { 'on-incomplete' => 'skip' } },
        },
      }
    end

    it 'writes each below its name' do
      expect(conf).to eq(<<~TEXT.chomp)
        [cluster]
        interval = 20

        [node lb1]
        cluster = eu
        servers = tcp://a:1, tcp://b:1

        [node lb2.example.com]
        cluster = x$-groups

        [cluster x-groups]
        on-incomplete = skip
      TEXT
    end
  end

  # The message names the kind of the section.
  [
    ['nod', 'lb1', 'cluster', 'eu'],
    ['pull', 'lb1', 'timeout', 1],
    ['node', 'lb1', 'source', '/srv/lb1'],
    ['node', 'lb1', 'src-dir', 'lb1'],
    ['node', 'a/b', 'cluster', 'eu'],
    ['node', '..', 'cluster', 'eu'],
    ['node', '', 'cluster', 'eu'],
    ['node', 'a' * 201, 'cluster', 'eu'],
    ['cluster', "a\nb", 'interval', 10],
    ['cluster', 'eu', 'interval', '10'],
  ].each do |kind, name, option, value|
    context "with [#{kind} #{name.inspect}] #{option} #{value.inspect}" do
      let(:params) { { 'named' => { kind => { name => { option => value } } } } }

      it { is_expected.to compile.and_raise_error(%r{parameter 'named'.*#{kind}}m) }
    end
  end

  context 'with the local store' do
    let(:params) { { 'configuration' => { 'local-store' => {} } } }

    it { expect(conf).to eq('[local-store]') }
  end

  # The message names the section and the option.
  [
    ['pul', 'socket-dir', '/run'],
    ['pull', 'socket_dir', '/run'],
    ['pull', 'loglevel', 'loud'],
    ['pull', 'loglevel', 1],
    ['pull', 'timeout', '1'],
    ['pull', 'timeout', '1${env:SECONDS}'],
    ['pull', 'timeout', "${env:A}\n"],
    ['pull', 'loglevel', '${}'],
    ['pull', 'retries', 1.5],
    ['pull', 'workers', '8'],
    ['pull', 'dst-dir', 'incoming'],
    ['pull', 'dst-dir', "/a\nb"],
    ['pull', 'dst-dir', ''],
    ['pull', 'servers', "tcp://a:1\nservers = x"],
    ['pull', 'servers', [' a']],
    ['pull', 'servers', [1]],
    ['pull', 'servers', []],
    ['process', 'frontend-metrics', "bin\nbout"],
    ['process', 'aggr-server-metrics', 'true'],
    ['graphite', 'port', '2003'],
    ['graphite', 'namespace', "a\nb"],
    ['graphite', 'namespace', ''],
    ['graphite', 'confirm', 'yes'],
    ['node', 'cluster', 'eu'],
    ['node lb1', 'cluster', 'eu'],
    ['frontend-groups', 'a=b', 'x'],
    ['frontend-groups', '#a', 'x'],
    ['frontend-groups', 'a', ''],
    ['frontend-groups', 'a', "x\ny"],
    ['frontend-groups', 'a b', 'x'],
  ].each do |section, option, value|
    context "with [#{section}] #{option} #{value.inspect}" do
      let(:params) { { 'configuration' => { section => { option => value } } } }

      it { is_expected.to compile.and_raise_error(%r{parameter 'configuration'.*#{Regexp.escape(section)}}m) }
    end
  end

  ['${home}', '/with blank'].each do |value|
    context "with base-dir #{value}" do
      let(:params) { { 'configuration' => { 'paths' => { 'base-dir' => value } } } }

      it { is_expected.to compile.and_raise_error(%r{base-dir in \[paths\]}) }
    end
  end

  {
    'exclude_frontends' => ['a', ['#a'], ['a b'], ["a\nb"], ['']],
    'groups' => ['haproxy'],
    'pull_cpu_affinity' => ['first', "1\n2", ''],
    'writable_dirs' => [['srv'], '/srv'],
  }.each do |name, values|
    values.each do |value|
      context "with #{name} #{value.inspect}" do
        let(:params) { { name => value } }

        it { is_expected.to compile.and_raise_error(%r{parameter '#{name}'}) }
      end
    end
  end
end
