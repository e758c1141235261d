# @summary A number above 0.
type Haproxystats::Positive = Variant[Integer[1], Float[0.000000001]]
