// Package owner names users and groups, for messages about permissions. Where
// a number has no name on this host, as often in containers, the number serves.
package owner

import (
	"os/user"
	"strconv"
)

// User returns the name of the user with that number, or the number.
func User(uid int) string {
	number := strconv.Itoa(uid)
	if u, err := user.LookupId(number); err == nil {
		return u.Username
	}
	return number
}

// Group returns the name of the group with that number, or the number.
func Group(gid int) string {
	number := strconv.Itoa(gid)
	if g, err := user.LookupGroupId(number); err == nil {
		return g.Name
	}
	return number
}
