# @summary A program that runs on the node.
type Haproxystats::Program = Enum['haproxystats-pull', 'haproxystats-process', 'haproxystats-central']
