# @summary The least severe messages that are logged.
type Haproxystats::Loglevel = Enum['debug', 'info', 'warning', 'error', 'critical']
