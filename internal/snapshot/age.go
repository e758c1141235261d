package snapshot

import "time"

// The bounds of a plausible time of a snapshot: a clock may be a little ahead, and a
// waiting snapshot may be old, but not by many years.
const (
	maxAhead = 5 * time.Minute
	maxAge   = 10 * 365 * 24 * time.Hour
)

// IsPlausible reports whether a snapshot of that epoch may be from a host whose
// clock is right: it is neither from the future nor older than ten years.
func IsPlausible(epoch int64, now time.Time) bool {
	return epoch <= now.Add(maxAhead).Unix() && epoch >= now.Add(-maxAge).Unix()
}

// Age returns the age of a snapshot of that epoch; 0 if the epoch is not plausible, so
// that sums and graphs have no impossible ages.
func Age(epoch int64, now time.Time) time.Duration {
	if !IsPlausible(epoch, now) {
		return 0
	}
	return max(0, now.Sub(time.Unix(epoch, 0)))
}
