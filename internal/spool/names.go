package spool

import (
	"errors"
	"strconv"
	"strings"
)

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

var errFileName = errors.New("a file's name must not be empty, start with a dot, or hold a slash or a NUL")

// checkFileName refuses names that lead out of a directory or hide in it.
func checkFileName(name string) error {
	if name == "" || name[0] == '.' || strings.ContainsAny(name, "/\x00") {
		return errFileName
	}
	return nil
}
