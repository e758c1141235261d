# @summary Numbers of CPUs as for systemd's `CPUAffinity`, or a rule.
type Haproxystats::Cpus = Variant[Enum['last', 'any'], Pattern[/\A\d+(-\d+)?([ ,]+\d+(-\d+)?)*\z/]]
