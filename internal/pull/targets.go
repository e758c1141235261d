package pull

// Target is a socket and what its files are named by.
type Target struct {
	Socket Socket
	Name   string
}

// Targets returns what a round would ask now. Nothing is asked.
func (p *Puller) Targets() ([]Target, error) {
	sockets, err := p.sockets()
	if err != nil {
		return nil, err
	}
	targets := make([]Target, len(sockets))
	for i, name := range names(sockets) {
		targets[i] = Target{sockets[i], name}
	}
	return targets, nil
}
