// Package owner names users and groups in messages about permissions. A number that
// has no name on this host, as is common in containers, stands for itself.
package owner

import (
	"os/user"
	"strconv"
)

// User returns the name of a user, or the number if it has no name.
func User(uid int) string {
	number := strconv.Itoa(uid)
	if u, err := user.LookupId(number); err == nil {
		return u.Username
	}
	return number
}

// Group returns the name of a group, or the number if it has no name.
func Group(gid int) string {
	number := strconv.Itoa(gid)
	if g, err := user.LookupGroupId(number); err == nil {
		return g.Name
	}
	return number
}
