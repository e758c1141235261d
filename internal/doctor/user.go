package doctor

import (
	"fmt"
	"os"
	"os/user"
	"slices"
	"strconv"

	"haproxystats/internal/owner"
)

// User is the user that the programs run as.
type User struct {
	Name  string
	UID   int
	GIDs  []int // the primary group first
	Group string
}

// LookupUser returns a user with all its groups on this host.
func LookupUser(name string) (User, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return User{}, err
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return User{}, fmt.Errorf("user %s: %w", name, err)
	}
	ids, err := u.GroupIds()
	if err != nil {
		return User{}, fmt.Errorf("groups of user %s: %w", name, err)
	}
	gids := []int{}
	for _, id := range append([]string{u.Gid}, ids...) {
		gid, err := strconv.Atoi(id)
		if err != nil {
			return User{}, fmt.Errorf("groups of user %s: %w", name, err)
		}
		if !slices.Contains(gids, gid) {
			gids = append(gids, gid)
		}
	}
	return User{name, uid, gids, owner.Group(gids[0])}, nil
}

// CurrentUser returns the user of this process, with its groups.
func CurrentUser() (User, error) {
	gids, err := os.Getgroups()
	if err != nil {
		return User{}, err
	}
	gids = append([]int{os.Getegid()}, gids...)
	return User{owner.User(os.Geteuid()), os.Geteuid(), gids, owner.Group(os.Getegid())}, nil
}
