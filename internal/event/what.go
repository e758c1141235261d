package event

import (
	"fmt"
	"strings"
)

// What returns one line about the event for humans, such as "server app/a1 is DOWN, was
// UP (L4CON)". It does not tell node and time.
func (e *Event) What() string {
	switch e.Kind {
	case ServerState:
		return e.state("server", e.Backend+"/"+e.Server)
	case BackendState:
		return e.state("backend", e.Backend)
	case FrontendState:
		return e.state("frontend", e.Frontend)
	case Reload:
		return fmt.Sprintf("HAProxy was reloaded: worker %d follows %d%s", e.NewPid, e.OldPid, e.oldWorkers())
	case WorkerGone:
		lost := ""
		if e.Reason == Unheard {
			lost = fmt.Sprintf(", its last %s and some %s were not heard", count(e.SecondsUnaccounted, "second"), count(e.RequestsUnaccounted, "request"))
		}
		return fmt.Sprintf("old worker %d of HAProxy has ended%s%s", e.OldPid, lost, e.oldWorkers())
	case ReloadFailed:
		return "reload of HAProxy has failed" + times(e.Count)
	case Restart:
		return fmt.Sprintf("HAProxy was restarted: worker %d follows %d%s", e.NewPid, e.OldPid, e.silence())
	case Crash:
		return fmt.Sprintf("worker %d of HAProxy has crashed", e.OldPid)
	case CountersCleared:
		return fmt.Sprintf("counters of HAProxy were cleared (%s)", count(e.Count, "row"))
	case Wrap:
		return count(e.Count, "counter") + " of HAProxy began at 0 after 4294967295"
	case Gap:
		return fmt.Sprintf("HAProxy was not asked for %s", count(e.Seconds, "second"))
	case PathTaken:
		return fmt.Sprintf("process %d answers at the stats socket of %d, which goes on", e.NewPid, e.OldPid)
	case Preloaded:
		return fmt.Sprintf("worker %d of HAProxy began with counters of its predecessor (%s)", e.NewPid, count(e.Count, "row"))
	case More:
		return fmt.Sprintf("%d more events of HAProxy were left out", e.Count)
	}
	return string(e.Kind)
}

// state tells of a row whose state has changed.
func (e *Event) state(what, name string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s is %s", what, name, e.To)
	switch {
	case e.From == e.To:
		b.WriteString(" again")
	case e.From != "":
		fmt.Fprintf(&b, ", was %s", e.From)
	}
	var why []string
	if e.Check != "" {
		why = append(why, e.Check)
	}
	switch e.Reason {
	case Agent, Forced, Tracked, Resolution:
		why = append(why, string(e.Reason))
	}
	if e.Flaps > 0 {
		why = append(why, "went down"+times(e.Flaps))
	}
	if e.DownSeconds > 0 {
		why = append(why, "down for "+count(e.DownSeconds, "second"))
	}
	if len(why) > 0 {
		fmt.Fprintf(&b, " (%s)", strings.Join(why, ", "))
	}
	return b.String()
}

func (e *Event) oldWorkers() string {
	if e.OldWorkers == 0 {
		return ", no old worker is left"
	}
	return ", " + count(int64(e.OldWorkers), "old worker") + " left"
}

func (e *Event) silence() string {
	if e.Seconds == 0 {
		return ""
	}
	return fmt.Sprintf(", none was heard for %s", count(e.Seconds, "second"))
}

// count returns a number of things.
func count(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

func times(n int64) string {
	if n <= 1 {
		return ""
	}
	return fmt.Sprintf(" %d times", n)
}
