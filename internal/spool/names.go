package spool

import "strconv"

// parseEpoch returns the number that an entry's name stands for, and false if
// the name isn't an entry's: digits only, and no more than an int64 holds.
func parseEpoch(name string) (int64, bool) {
	for i := range len(name) {
		if name[i] < '0' || name[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(name, 10, 64)
	return n, err == nil
}
