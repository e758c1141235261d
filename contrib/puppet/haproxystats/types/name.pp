# @summary A line of a file of names: a name, or a regular expression between slashes.
type Haproxystats::Name = Pattern[/\A[^#[:space:][:cntrl:]][^[:space:][:cntrl:]]*\z/, /\A\/[^[:cntrl:]]+\/\z/]
