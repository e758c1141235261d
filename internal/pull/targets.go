package pull

// Target is a socket with the name of its files.
type Target struct {
	Socket Socket
	Name   string
	// Same are other names of the socket, which are not asked.
	Same []Socket
	// Listed reports whether servers names the socket, so that each round counts it.
	Listed bool
}

// Targets returns the sockets that a first round would ask now. It asks none.
func (p *Puller) Targets() ([]Target, error) {
	found, err := p.targets()
	if err != nil {
		return nil, err
	}
	targets := make([]Target, len(found))
	for i, name := range names(socketsOf(found)) {
		targets[i] = Target{found[i].Socket, name, found[i].same, found[i].listed}
	}
	return targets, nil
}
