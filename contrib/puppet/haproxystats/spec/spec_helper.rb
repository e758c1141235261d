# Run `rspec` in the directory of the module, whose name must be haproxystats.
require 'rspec-puppet'

RSpec.configure do |c|
  c.module_path = File.expand_path('../..', __dir__)
  c.strict_variables = true
  c.default_facts = {
    'os' => { 'family' => 'Debian', 'name' => 'Debian', 'release' => { 'major' => '12' } },
    'processors' => { 'count' => 8 },
    'haproxystats_systemd' => true,
  }
end
