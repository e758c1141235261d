package catalogue

// OldWorkers is the rule by which the values of workers that HAProxy has replaced, and
// that finish the work of their last clients, are combined with the current worker's.
type OldWorkers uint8

// The rules.
const (
	// Apart leaves old workers out: limits, states, weights, averages.
	Apart OldWorkers = iota
	// Total adds counters up, with what earlier workers had reached.
	Total
	// Together adds what all workers have now: levels and rates.
	Together
	// Highest takes the largest value.
	Highest
)

// apart are levels that describe the current worker, although those of several
// processes are added up.
var apart = map[string]bool{
	"Stopping": true, "Listeners": true, "BusyPolling": true, "ActivePeers": true, "ConnectedPeers": true,
	"agg_server_status": true, "agg_check_status": true, "agg_server_check_status": true,
}

// OldWorkers returns the rule of the field.
func (f Field) OldWorkers() OldWorkers {
	switch {
	case f.IsCounter():
		return Total
	case f.Nature == Rate, f.Nature == Gauge && f.Combine == Sum && !apart[f.Name]:
		return Together
	case f.Nature == Maximum:
		return Highest
	}
	return Apart
}
