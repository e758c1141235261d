package spool

import "strconv"

// parseEpoch returns the number in an entry's name, and false for other names: an
// entry's has only digits, and fits in an int64.
func parseEpoch(name string) (int64, bool) {
	for i := range len(name) {
		if name[i] < '0' || name[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(name, 10, 64)
	return n, err == nil
}
