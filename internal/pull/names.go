package pull

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// maxName bounds a name in bytes: a file's name has at most 255, `_info` and
// `_stat` take 5, and a process identifier with a start time, or a number, may follow.
const maxName = 230

// names returns a distinct name for the files of each socket. It is the base name of
// a UNIX socket's path, or host:port of a TCP socket. Sockets that share such a name
// are named by their whole paths instead, so that the name does not depend on the
// order of sockets.
func names(sockets []Socket) []string {
	count := make(map[string]int)
	for _, s := range sockets {
		count[plainName(s)]++
	}
	taken := make(map[string]bool)
	result := make([]string, len(sockets))
	var shared []int
	for i, s := range sockets {
		if name := plainName(s); count[name] == 1 {
			result[i], taken[name] = name, true
		} else {
			shared = append(shared, i)
		}
	}
	slices.SortFunc(shared, func(a, b int) int {
		return cmp.Or(cmp.Compare(sockets[a].Network, sockets[b].Network), cmp.Compare(sockets[a].Address, sockets[b].Address))
	})
	for _, i := range shared {
		name := fileName(sockets[i].Address)
		result[i] = name
		for n := 2; taken[result[i]]; n++ {
			result[i] = name + "." + strconv.Itoa(n)
		}
		taken[result[i]] = true
	}
	return result
}

func plainName(s Socket) string {
	if isUnix(s) {
		return fileName(filepath.Base(s.Address))
	}
	host, port, err := net.SplitHostPort(s.Address)
	if err != nil {
		return fileName(s.Address)
	}
	return fileName(strings.ToLower(host) + ":" + port)
}

// fileName turns s into one component of a path: short enough, in UTF-8 because an
// fs.FS opens no other, and not hidden because haproxystats-process ignores hidden
// files.
func fileName(s string) string {
	s = strings.ReplaceAll(strings.TrimLeft(s, "/"), "/", "_")
	if strings.HasPrefix(s, ".") {
		s = "_" + s
	}
	if len(s) > maxName {
		sum := fnv.New32a()
		sum.Write([]byte(s))
		s = fmt.Sprintf("%s~%08x", s[:maxName-9], sum.Sum32())
	}
	return strings.ToValidUTF8(s, "_")
}
