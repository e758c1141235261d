# @summary A path from the root that the configuration and systemd read alike:
#   without blanks, references and specifiers.
type Haproxystats::Absolute = Pattern[/\A\/[^[:space:][:cntrl:]%"'\\$]*\z/]
