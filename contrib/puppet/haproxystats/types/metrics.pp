# @summary Names of metrics, as an array or separated by blanks.
type Haproxystats::Metrics = Variant[Pattern[/\A\w+( +\w+)*\z/], Array[Pattern[/\A\w+\z/]]]
