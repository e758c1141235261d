package collect

import (
	"regexp"
	"slices"
	"time"

	"haproxystats/internal/haproxy"
)

const (
	// listEvery is the time between two lists of certificates, and askEvery that between two
	// questions for one.
	listEvery = 5 * time.Minute
	askEvery  = time.Hour
	// perRound bounds the certificates that are asked for in a round, and maxCertificates
	// those of a socket.
	perRound        = 16
	maxCertificates = 4096
)

// plainName matches the names that can stand in a command as they are.
var plainName = regexp.MustCompile(`^[A-Za-z0-9_./@+:,=%~-]{1,512}$`)

// certificates are those that HAProxy has loaded.
type certificates struct {
	listed time.Time
	names  []string
	known  map[string]certificate
}

type certificate struct {
	haproxy.Certificate
	asked time.Time
}

// again has all of them asked for again: another worker may have loaded others.
func (c *certificates) again() {
	c.listed = time.Time{}
	for name, k := range c.known {
		k.asked = time.Time{}
		c.known[name] = k
	}
}

// questions returns what is asked in a round: first for the list, then for some of it.
func (c *certificates) questions(s *socket, now time.Time) []question {
	if now.Sub(c.listed) >= listEvery {
		return []question{{"show ssl cert", func(answer []byte) {
			if len(answer) == 0 {
				s.refuse("certificates", "nothing", "")
				return
			}
			if answer = s.proper("certificates", answer, haproxy.CertsBegin); answer != nil {
				c.listed = now
				c.list(s, haproxy.ReadCertificateNames(answer))
			}
		}}}
	}
	var all []question
	for _, name := range c.names {
		k, ok := c.known[name]
		if ok && now.Sub(k.asked) < askEvery {
			continue
		}
		all = append(all, question{"show ssl cert " + name, func(answer []byte) {
			if found := haproxy.ReadCertificates(answer); len(found) == 1 && found[0].Name == name {
				k.Certificate = found[0]
			}
			k.asked = now
			c.known[name] = k
		}})
		if len(all) == perRound {
			break
		}
	}
	return all
}

// list takes the names of the certificates that there are.
func (c *certificates) list(s *socket, names []string) {
	plain := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !plainName.MatchString(n) })
	slices.Sort(plain)
	plain = slices.Compact(plain)
	plain = plain[:min(len(plain), maxCertificates)]
	if left := len(names) - len(plain); left > 0 && s.once("names of certificates") {
		s.collector.log.Warn("certificates are left out: they are too many, or their names can't stand in a command",
			"socket", s.address, "certificates", left)
	}
	before := c.known
	c.names, c.known = plain, make(map[string]certificate)
	for _, n := range plain {
		if k, ok := before[n]; ok {
			c.known[n] = k
		}
	}
}

// text returns the certificates that are known, in HAProxy's form.
func (c *certificates) text() []byte {
	var text []byte
	for _, n := range c.names {
		if k := c.known[n]; k.Name != "" {
			text = haproxy.AppendCertificate(text, k.Certificate)
		}
	}
	return text
}
