package workload

import "fmt"

// Size is the number of HAProxy processes of a snapshot, and the number of
// proxies that each of them shows.
type Size struct {
	Name      string
	Processes int
	Frontends int
	Backends  int
	Servers   int // of all backends together
}

// The sizes that the project's speed goals are stated for.
var (
	S = Size{Name: "S", Processes: 4, Frontends: 20, Backends: 20, Servers: 100}
	M = Size{Name: "M", Processes: 4, Frontends: 200, Backends: 500, Servers: 5000}
	L = Size{Name: "L", Processes: 8, Frontends: 500, Backends: 1000, Servers: 20000}
)

// Sizes lists S, M and L.
func Sizes() []Size { return []Size{S, M, L} }

// Rows returns the number of rows in the snapshot, headers not counted.
func (s Size) Rows() int { return s.Processes * (s.Frontends + s.Backends + s.Servers) }

// SizeByName returns the size of that name.
func SizeByName(name string) (Size, error) {
	for _, s := range Sizes() {
		if s.Name == name {
			return s, nil
		}
	}
	return Size{}, fmt.Errorf("size %q: want S, M or L", name)
}
