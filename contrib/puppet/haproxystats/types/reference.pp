# @summary A reference to a variable of the environment or to another option, such
#   as `${env:PORT}`.
type Haproxystats::Reference = Pattern[/\A\$\{[^{}[:cntrl:]]+\}\z/]
