package nagios

// Status is the outcome of a check; its number is the plugin's exit status.
type Status int

// The statuses.
const (
	OK Status = iota
	Warning
	Critical
	Unknown
)

func (s Status) String() string {
	switch s {
	case OK:
		return "OK"
	case Warning:
		return "WARNING"
	case Critical:
		return "CRITICAL"
	}
	return "UNKNOWN"
}

// gravity orders statuses: Critical is graver than Unknown.
func (s Status) gravity() int {
	switch s {
	case OK:
		return 0
	case Warning:
		return 1
	case Critical:
		return 3
	}
	return 2
}

// Worst returns the gravest of some statuses; OK for none.
func Worst(statuses ...Status) Status {
	worst := OK
	for _, s := range statuses {
		if s.gravity() > worst.gravity() {
			worst = s
		}
	}
	return worst
}
