# @summary A path from the root, or one that starts with a reference such as
#   `${paths:base-dir}`.
type Haproxystats::Path = Pattern[/\A(\/|\$\{)[^[:cntrl:]]*\z/]
