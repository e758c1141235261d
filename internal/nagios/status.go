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

// Compare returns a positive number if s is graver than other, a negative one if other is,
// and 0 if both are equally grave.
func (s Status) Compare(other Status) int { return s.gravity() - other.gravity() }

// Worst returns the gravest of some statuses; OK for none.
func Worst(statuses ...Status) Status {
	worst := OK
	for _, s := range statuses {
		if s.Compare(worst) > 0 {
			worst = s
		}
	}
	return worst
}
