package pull

// Target is a socket and what its files are named by.
type Target struct {
	Socket Socket
	Name   string
	// Same are other names of the socket, which are not asked.
	Same []Socket
}

// Targets returns what a round would ask now, if it knew nothing of earlier
// rounds. Nothing is asked.
func (p *Puller) Targets() ([]Target, error) {
	found, err := p.targets()
	if err != nil {
		return nil, err
	}
	targets := make([]Target, len(found))
	for i, name := range names(socketsOf(found)) {
		targets[i] = Target{found[i].Socket, name, found[i].same}
	}
	return targets, nil
}
