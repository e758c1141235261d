# @summary Names of groups, each with the regular expression of its members. A
#   name must not look like a comment, a section or two options.
type Haproxystats::Groups = Hash[Pattern[/\A[^#;:=\[\/[:space:][:cntrl:]][^:=;\/[:space:][:cntrl:]]*\z/], Haproxystats::Line]
