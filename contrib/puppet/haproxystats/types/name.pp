# @summary The name of a frontend or backend, as a line of an exclude file.
type Haproxystats::Name = Pattern[/\A[^#[:space:][:cntrl:]][^[:space:][:cntrl:]]*\z/]
