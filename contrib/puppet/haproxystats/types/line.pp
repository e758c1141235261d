# @summary A text that fits on a line, without blanks around it.
type Haproxystats::Line = Pattern[/\A[^[:space:][:cntrl:]]([^[:cntrl:]]*[^[:space:][:cntrl:]])?\z/]
