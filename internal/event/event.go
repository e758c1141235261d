// Package event has what happened to HAProxy: a server went down, HAProxy was reloaded,
// counters were cleared. haproxystats-pull makes events and puts them into the file
// [snapshot.EventsName] of a snapshot, one JSON object a line.
//
// An event has an id, which is the same however often the event is sent: a taker that
// knows the ids of what it has taken takes each event once. A reader skips members that
// it does not know, and keeps events of kinds that it does not know.
package event

import "slices"

// Event is something that happened. Members that do not apply are zero.
type Event struct {
	// ID is NODE/SOCKET/PID-START/NUMBER, with the worker that was current.
	ID string `json:"id"`
	// Time is when it happened, in seconds since 1970, and Seen when it was noticed.
	Time int64 `json:"time"`
	Seen int64 `json:"seen"`
	// Node is the name of the node, and Socket the name of the files of the stats socket.
	Node   string `json:"node,omitempty"`
	Socket string `json:"socket,omitempty"`
	Kind   Kind   `json:"kind"`
	// Backend and Server, or Frontend, are the row of `show stat`.
	Backend  string `json:"backend,omitempty"`
	Frontend string `json:"frontend,omitempty"`
	Server   string `json:"server,omitempty"`
	// From and To are states as HAProxy names them.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// Reason is why: one of the reasons.
	Reason Reason `json:"reason,omitempty"`
	// Check is the result of the health check or, for the reason agent, of the agent
	// check, as HAProxy names it.
	Check string `json:"check,omitempty"`
	// Flaps counts how often the row went down since it was seen before, if that was more
	// often than the change from From to To tells.
	Flaps int64 `json:"flaps,omitempty"`
	// DownSeconds is the time that the row was down since it was seen before or, for one
	// that comes up, since it went down.
	DownSeconds int64 `json:"down_seconds,omitempty"`
	// Exact reports whether Time is right to a second. Else it happened between the
	// sample before and Seen.
	Exact bool `json:"exact"`

	// OldPid and NewPid are the workers before and after.
	OldPid int `json:"old_pid,omitempty"`
	NewPid int `json:"new_pid,omitempty"`
	// Seconds is a duration; its meaning is that of the kind.
	Seconds int64 `json:"seconds,omitempty"`
	// OldWorkers is the number of old workers that live, after the event.
	OldWorkers int `json:"old_workers,omitempty"`
	// Ref is the id of the event that this one ends.
	Ref string `json:"ref,omitempty"`
	// SecondsUnaccounted and RequestsUnaccounted bound what a worker did and never said.
	SecondsUnaccounted  int64 `json:"seconds_unaccounted,omitempty"`
	RequestsUnaccounted int64 `json:"requests_unaccounted,omitempty"`
	// Count is a number of rows, counters, reloads or events.
	Count int64 `json:"count,omitempty"`
}

// Kind is what has happened.
type Kind string

// The kinds.
const (
	// ServerState is a server that changed its state, or went down and came back
	// meanwhile.
	ServerState Kind = "server_state"
	// BackendState and FrontendState are a backend or a frontend that did.
	BackendState  Kind = "backend_state"
	FrontendState Kind = "frontend_state"
	// Reload is a new worker that replaced one that went on for its clients. Seconds is
	// how long the old one had served, Time is when the new one started.
	Reload Kind = "reload"
	// WorkerGone is the end of an old worker. Seconds is the time since it was replaced,
	// and Ref the reload. With OldWorkers 0 the reload is over.
	WorkerGone Kind = "worker_gone"
	// ReloadFailed is a reload that HAProxy's master could not do; Count tells how often.
	ReloadFailed Kind = "reload_failed"
	// Restart is a new worker whose predecessor had ended before. Seconds is the time in
	// which no worker was heard.
	Restart Kind = "restart"
	// Crash is a worker that ended while HAProxy's master went on.
	Crash Kind = "crash"
	// CountersCleared are counters that an operator has cleared; Count is the number of
	// rows.
	CountersCleared Kind = "counters_cleared"
	// Wrap are counters of 32 bits that began at 0 again; Count is their number.
	Wrap Kind = "wrap"
	// Gap is a time in which haproxystats-pull did not ask; Seconds is its length, and Time
	// its end.
	Gap Kind = "gap"
	// PathTaken is another process that answers at the stats socket although the worker
	// before goes on.
	PathTaken Kind = "path_taken"
	// Preloaded is a worker that began with counters of its predecessor; Count is the
	// number of rows.
	Preloaded Kind = "preloaded"
	// More are events that were left out because there were too many; Count is their
	// number.
	More Kind = "more"
)

// Kinds are the kinds, in the order of the documentation.
var Kinds = []Kind{
	ServerState, BackendState, FrontendState, Reload, WorkerGone, ReloadFailed, Restart, Crash, CountersCleared, Wrap, Gap,
	PathTaken, Preloaded, More,
}

// IsKnown reports whether this version knows the kind.
func (k Kind) IsKnown() bool { return slices.Contains(Kinds, k) }

// Reason is why something happened.
type Reason string

// The reasons of states.
const (
	Check      Reason = "check"      // health checks failed or succeeded
	Agent      Reason = "agent"      // the agent check asked for it
	Forced     Reason = "forced"     // by an operator or the configuration
	Tracked    Reason = "tracked"    // the tracked server did
	Resolution Reason = "resolution" // its name has no address
	Servers    Reason = "servers"    // of a backend: its servers did
)

// The reasons of the end of a worker.
const (
	Drained Reason = "drained" // it had no client left, and has said its last numbers
	Unheard Reason = "unheard" // it ended without saying its last numbers
)
