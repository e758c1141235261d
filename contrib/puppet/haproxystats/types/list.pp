# @summary Several values, as an array or as the text of the configuration.
type Haproxystats::List = Variant[Haproxystats::Line, Array[Haproxystats::Line, 1]]
