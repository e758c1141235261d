package store

import (
	"haproxystats/internal/durable"
	"haproxystats/internal/snapshot"
)

// Prefix returns the beginning of the names of files about a socket.
func Prefix(address string) string { return prefix(address) }

// ReadAll reads a file of a directory, at most limit bytes.
func ReadAll(d *durable.Dir, name string, limit int64) ([]byte, error) {
	return readAll(d, name, limit)
}

// Latest returns the time of the latest reply of an instance that lives, in seconds since
// 1970; 0 if there is none.
func (k *Socket) Latest() (at int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.load() != nil {
		k.state = state{} // the next round reports it
		return 0
	}
	for _, m := range k.members {
		at = max(at, m.info.At, k.modified(lastName(k.prefix, m.instance, snapshot.InfoSuffix)))
	}
	return at
}

// modified returns when a file was written, or 0. The time by HAProxy's clock alone
// may be wrong: it is that of its start and its age.
func (k *Socket) modified(name string) int64 {
	f, err := k.store.last.OpenRegular(name)
	if err != nil {
		return 0
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0
	}
	return info.ModTime().Unix()
}
