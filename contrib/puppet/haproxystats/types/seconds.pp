# @summary A time in seconds.
type Haproxystats::Seconds = Variant[Integer[0], Float[0.0]]
