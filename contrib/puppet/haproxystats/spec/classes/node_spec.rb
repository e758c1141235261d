describe 'haproxystats' do
  def dropin(unit, file)
    resource = catalogue.resource('file', "/etc/systemd/system/haproxystats-#{unit}.service.d/#{file}.conf")
    return nil if resource[:ensure].to_s == 'absent'
    resource[:content].lines.map(&:chomp).reject { |line| line.start_with?('#') }
  end

  context 'when nothing is given' do
    it { is_expected.to contain_package('haproxystats').with(ensure: 'installed', source: nil, provider: nil) }
    it { is_expected.to contain_user('haproxystats').with(gid: 'haproxystats', groups: [], membership: 'minimum').that_comes_before('Package[haproxystats]') }
    it { is_expected.to contain_class('haproxystats::install').that_comes_before('Class[haproxystats::config]') }
    it { is_expected.to contain_class('haproxystats::config').that_comes_before('Class[haproxystats::service]') }
    it { is_expected.to contain_class('haproxystats::units').that_notifies('Class[haproxystats::service]') }
    it { expect(dropin('pull', 'cpu')).to eq(['[Service]', 'CPUAffinity=7']) }
    it { expect(dropin('process', 'cpu')).to eq(['[Service]', 'CPUAffinity=4 5 6 7']) }
    it { expect(dropin('pull', 'spool')).to be_nil }
    it { expect(dropin('process', 'spool')).to be_nil }
    it { expect(dropin('pull', 'tcp')).to be_nil }

    ['haproxystats-pull', 'haproxystats-process'].each do |name|
      it { is_expected.to contain_service(name).with(ensure: 'running', enable: true) }

      it 'is reloaded when the configuration changes' do
        is_expected.to contain_exec("reload #{name}").with(refreshonly: true)
          .that_subscribes_to('Class[haproxystats::config]').that_requires("Service[#{name}]")
      end
    end

    it { is_expected.to have_exec_resource_count(2) }
  end

  context 'with restarts instead of reloads' do
    let(:params) { { 'restart_on_change' => true } }

    it { is_expected.to contain_class('haproxystats::config').that_notifies('Class[haproxystats::service]') }
    it { is_expected.to have_exec_resource_count(0) }
  end

  context 'with fewer CPUs than workers' do
    let(:facts) { { 'processors' => { 'count' => 2 } } }

    it { expect(dropin('process', 'cpu')).to eq(['[Service]', 'CPUAffinity=0 1']) }
    it { expect(dropin('pull', 'cpu')).to eq(['[Service]', 'CPUAffinity=1']) }
  end

  context 'with a number of workers' do
    let(:params) { { 'configuration' => { 'process' => { 'workers' => 2 } } } }

    it { expect(dropin('process', 'cpu')).to eq(['[Service]', 'CPUAffinity=6 7']) }
  end

  context 'with CPUs' do
    let(:params) { { 'pull_cpu_affinity' => 'any', 'process_cpu_affinity' => '0-1,4' } }

    it { expect(dropin('pull', 'cpu')).to be_nil }
    it { expect(dropin('process', 'cpu')).to eq(['[Service]', 'CPUAffinity=0-1,4']) }
  end

  ['tcp://192.0.2.1:5555', 'unix:///a.sock, TCP://a:1', ['unix:///a.sock', 'tcp://a:1']].each do |servers|
    context "with servers #{servers}" do
      let(:params) { { 'configuration' => { 'pull' => { 'servers' => servers } } } }

      it { expect(dropin('pull', 'tcp')).to include('PrivateNetwork=no') }
    end
  end

  context 'with a UNIX socket named like TCP' do
    let(:params) { { 'configuration' => { 'pull' => { 'servers' => 'unix:///run/tcp:1.sock' } } } }

    it { expect(dropin('pull', 'tcp')).to be_nil }
  end

  context 'with directories elsewhere' do
    let(:params) { { 'configuration' => { 'paths' => { 'base-dir' => '/srv/stats' } }, 'writable_dirs' => ['/srv/queue', '/var/lib/haproxystats/x', '/srv/stats'] } }

    it { expect(dropin('pull', 'spool')).to eq(['[Service]', 'ReadWritePaths=/srv/stats /srv/queue']) }
    it { expect(dropin('process', 'spool')).to eq(dropin('pull', 'spool')) }
    it { is_expected.to contain_file('/srv/queue').with(ensure: 'directory', owner: 'haproxystats', mode: '0750') }
  end

  context 'with services that are not wanted' do
    let(:params) { { 'enable' => false, 'autostart' => false } }

    it { is_expected.to contain_service('haproxystats-pull').with(ensure: 'stopped', enable: false) }
    it { is_expected.to contain_service('haproxystats-process').with(ensure: 'stopped', enable: false) }
    it { is_expected.to have_exec_resource_count(0) }
  end

  context 'when nothing is said of programs' do
    it { is_expected.to contain_service('haproxystats-central').with(ensure: 'stopped', enable: false) }
  end

  context 'with a node that combines others to clusters' do
    let(:params) { { 'programs' => ['haproxystats-central'] } }

    it { is_expected.to contain_service('haproxystats-central').with(ensure: 'running', enable: true) }
    it { is_expected.to contain_service('haproxystats-process').with(ensure: 'stopped', enable: false) }
    it { is_expected.to contain_service('haproxystats-pull').with(ensure: 'stopped', enable: false) }
    it { is_expected.to contain_file('/etc/haproxystats.conf').with(validate_cmd: %r{haproxystats-process -P .*haproxystats-central -P }) }
  end

  context 'with two programs that need one queue' do
    let(:params) { { 'programs' => ['haproxystats-process', 'haproxystats-central'] } }

    it { is_expected.to compile.and_raise_error(%r{need the same queue for Graphite}) }
  end

  context 'where systemd does not run' do
    let(:facts) { { 'haproxystats_systemd' => false } }

    it { is_expected.to have_service_resource_count(0) }
    it { expect(dropin('pull', 'cpu')).not_to be_nil }
  end

  context 'with a package that other means install' do
    let(:params) { { 'manage_package' => false } }

    it { is_expected.to have_package_resource_count(0) }
  end

  { 'Debian' => 'dpkg', 'RedHat' => 'rpm' }.each do |family, provider|
    context "with a package file on #{family}" do
      let(:facts) { { 'os' => { 'family' => family } } }
      let(:params) { { 'package_source' => '/srv/haproxystats.package', 'version' => 'latest', 'package_name' => 'other' } }

      it { is_expected.to contain_package('other').with(ensure: 'latest', source: '/srv/haproxystats.package', provider: provider) }
    end
  end
end
