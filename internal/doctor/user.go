package doctor

import (
	"fmt"
	"os"
	"os/user"
	"slices"
	"strconv"
)

// User is who the programs run as.
type User struct {
	Name  string
	UID   int
	GIDs  []int // the primary group first
	Group string
}

// LookupUser returns a user with all groups that the host knows of.
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
	return User{name, uid, gids, groupName(uint32(gids[0]))}, nil
}

// CurrentUser returns the user of this process, with its groups.
func CurrentUser() (User, error) {
	gids, err := os.Getgroups()
	if err != nil {
		return User{}, err
	}
	gids = append([]int{os.Getegid()}, gids...)
	return User{userName(uint32(os.Geteuid())), os.Geteuid(), gids, groupName(uint32(os.Getegid()))}, nil
}

func userName(id uint32) string {
	s := strconv.FormatUint(uint64(id), 10)
	if u, err := user.LookupId(s); err == nil {
		return u.Username
	}
	return s
}

func groupName(id uint32) string {
	s := strconv.FormatUint(uint64(id), 10)
	if g, err := user.LookupGroupId(s); err == nil {
		return g.Name
	}
	return s
}
