package dashboard

import "haproxystats/internal/metric"

// line asks for one or several series of a panel, or for those of a rule.
type line struct {
	scope  metric.Scope
	fields []string // more than one are added
	of     string   // the field that these are a percentage of, or are taken from
	by     grouping
	form   form
	worst  aggregation // of all these series only the highest or lowest, if set
	label  string      // names a single series
	window int         // minutes that each number is the mean of; 0 for none
}

// grouping says which series there are.
type grouping uint8

const (
	each  grouping = iota // one for each frontend, backend or server, whatever the host
	hosts                 // one for each host
	where                 // one for each frontend, backend or server of each host
	all                   // one
)

// form says what is made of the numbers first.
type form uint8

const (
	asIs      form = iota // a level as it is, a counter as events a second
	perMinute             // a counter as events a minute: for rare ones
	share                 // in percent of another field
	missing               // what another field has more
	reported              // 1 while there is a number, else 0
	reporters             // how many hosts there are numbers of
)

func daemon(fields ...string) line  { return line{scope: metric.Daemon, fields: fields, by: hosts} }
func front(fields ...string) line   { return line{scope: metric.Frontend, fields: fields} }
func back(fields ...string) line    { return line{scope: metric.Backend, fields: fields} }
func server(fields ...string) line  { return line{scope: metric.Server, fields: fields} }
func program(fields ...string) line { return line{scope: metric.Self, fields: fields, by: hosts} }

func (l line) per(g grouping) line { l.by = g; return l }

func (l line) total(label string) line { l.by, l.label = all, label; return l }

func (l line) percentOf(field string) line { l.form, l.of = share, field; return l }

func (l line) missingOf(field string) line { l.form, l.of = missing, field; return l }

func (l line) averaged(minutes int) line { l.window = minutes; return l }

func (l line) in(f form) line { l.form = f; return l }

func (l line) highest(label string) line { l.worst, l.label = highest, label; return l }

func (l line) lowest(label string) line { l.worst, l.label = lowest, label; return l }
