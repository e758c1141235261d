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

    it 'keeps the configuration from others, and has both programs look at it' do
      is_expected.to contain_file(CONF).with(owner: 'root', group: 'haproxystats', mode: '0640')
      expect(catalogue.resource('file', CONF)[:validate_cmd])
        .to eq(%q(/bin/sh -c '/usr/bin/haproxystats-pull -P -f "$1" >/dev/null && /usr/bin/haproxystats-process -P -f "$1" >/dev/null' sh %))
    end
  end

  context 'with values of every kind' do
    let(:params) do
      {
        'pull_socket_dir' => '/run/haproxy',
        'pull_timeout' => 0.25,
        'pull_pull_timeout' => 0,
        'pull_servers' => ['unix:///run/a.sock', 'unix:///run/b.sock'],
        'pull_status_socket' => '',
        'process_frontend_metrics' => ['bin', 'bout'],
        'process_aggr_server_metrics' => false,
        'graphite_server' => 'a.example.com, b.example.com',
      }
    end

    it 'writes what is given and nothing else' do
      expect(conf).to eq(<<~TEXT.chomp)
        [pull]
        socket-dir = /run/haproxy
        servers = unix:///run/a.sock, unix:///run/b.sock
        timeout = 0.25
        pull-timeout = 0
        status-socket = 

        [process]
        frontend-metrics = bin bout
        aggr-server-metrics = false

        [graphite]
        server = a.example.com, b.example.com
      TEXT
    end
  end

  context 'with names to leave out' do
    let(:params) { { 'process_exclude_backends' => ['internal', 'stats.local'] } }

    it { expect(conf).to eq("[process]\nexclude-backends = /etc/haproxystats.exclude-backends") }

    it do
      is_expected.to contain_file('/etc/haproxystats.exclude-backends')
        .with(mode: '0640', group: 'haproxystats', content: %r{^internal\nstats\.local\n\z})
        .that_comes_before("File[#{CONF}]")
    end
  end

  context 'with groups' do
    let(:params) { { 'server_groups' => { 'web' => '^web[0-9]+$', 'db' => '^db', 'any' => '.' } } }

    it 'keeps their order and doubles dollar signs' do
      expect(conf).to eq("[server-groups]\nweb = ^web[0-9]+$$\ndb = ^db\nany = .")
    end
  end

  context 'with the local store' do
    let(:params) { { 'local_store_enabled' => true } }

    it { expect(conf).to eq('[local-store]') }
  end

  context 'with the directory of a local store that is off' do
    let(:params) { { 'local_store_dir' => '/srv/files' } }

    it { expect(conf).to eq('') }
  end

  {
    'pull_loglevel' => ['loud', 'INFO', 1],
    'pull_timeout' => [0, 0.0, -1, '1'],
    'pull_interval' => [-0.5, '1'],
    'pull_retries' => [-2, 1.5, '1'],
    'pull_workers' => [0, '8'],
    'pull_pull_interval' => [0, 0.5],
    'pull_dst_dir' => ['incoming', "/a\nb", ''],
    'pull_socket_dir' => [''],
    'paths_base_dir' => ['${home}', '/with blank', 'relative'],
    'pull_servers' => ["tcp://a:1\nservers = x", [' a'], [1]],
    'process_frontend_metrics' => ["bin\nbout", ['bin bout']],
    'process_exclude_frontends' => ['a', ['#a'], ['a b'], ["a\nb"], ['']],
    'process_aggr_server_metrics' => ['true', 1],
    'graphite_port' => [0, 65_536, '2003'],
    'graphite_namespace' => ["a\nb", ''],
    'graphite_backoff' => [0],
    'graphite_confirm' => ['yes'],
    'frontend_groups' => [['a'], { 'a=b' => 'x' }, { '#a' => 'x' }, { 'a' => '' }, { 'a' => "x\ny" }, { 'a b' => 'x' }],
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
