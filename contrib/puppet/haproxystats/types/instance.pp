# @summary The name that the operator gives to a section. It can be part of a path.
type Haproxystats::Instance = Pattern[/\A(?=.{1,200}\z)\.*[A-Za-z0-9_-][A-Za-z0-9._-]*\z/]
