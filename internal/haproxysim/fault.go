package haproxysim

// Kind is what goes wrong with a connection.
type Kind int

// The kinds of faults.
const (
	None       Kind = iota
	OneCommand      // only the first command of a connection is answered
	Cut             // the connection is closed after At bytes
	Reset           // the connection is reset after At bytes
	Stall           // after At bytes nothing comes until Release
	Text            // Text and an empty line are all that comes
	Drop            // the connection is closed before anything is read
	Endless         // the rows of `show stat` are repeated without end
)

// Fault is what goes wrong with the connections of a [Socket].
type Fault struct {
	Kind Kind
	// At is how many bytes of a connection's answer are sent before the fault.
	At int
	// Text is HAProxy's own word, such as "Permission denied".
	Text string
	// Reached, unless nil, gets a value when a connection stalls.
	Reached chan<- struct{}
	// Release ends a stall when a value comes or it is closed. Nil never does.
	Release <-chan struct{}
}
