package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"haproxystats/internal/nagios"
)

// calledName is the name of a plugin of haproxystats 0.5, by which this one may be
// called, with the options and meaning of that plugin.
type calledName struct {
	mode string
	// absentOK makes the check OK if there is no configuration.
	absentOK bool
	// ownLimits gives -o and -w their old meaning: numbers of snapshots.
	ownLimits bool
	// plain leaves out the default thresholds.
	plain bool

	ok, warning int
}

var calledNames = map[string]calledName{
	"check_haproxystats_process":                 {mode: "process"},
	"check_haproxystats_process_number_of_procs": {mode: "workers", absentOK: true},
	"check_haproxystats_pull":                    {mode: "pull", plain: true},
	"check_haproxystats_queue_size":              {mode: "queue", absentOK: true, ownLimits: true},
}

// oldName returns the plugin of a name, with or without its ending.
func oldName(name string) (*calledName, bool) {
	name, _, _ = strings.Cut(name, ".")
	c, ok := calledNames[name]
	return &c, ok
}

// addFlags adds the options of that plugin and sets its defaults.
func (c *calledName) addFlags(fl *pflag.FlagSet, o *checkOptions) {
	o.absentOK = c.absentOK
	o.request.Plain = c.plain
	if c.ownLimits {
		o.request.Filled = true
		fl.IntVarP(&c.ok, "ok", "o", 60, "highest `number` of snapshots that is OK")
		fl.IntVarP(&c.warning, "warning", "w", 120, "highest `number` of snapshots that is a warning")
	}
}

// limits turns -o and -w into thresholds.
func (c *calledName) limits(o *checkOptions) error {
	if c.ok < 0 || c.warning < 0 {
		return fmt.Errorf("%d and %d snapshots: expected numbers of 0 or more", c.ok, c.warning)
	}
	warn, crit := nagios.Above(float64(c.ok)), nagios.Above(float64(max(c.ok, c.warning)))
	o.request.Warn, o.request.Crit = &warn, &crit
	return nil
}
