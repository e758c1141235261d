package kafka

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"haproxystats/internal/metric"
)

// maxTopic is the longest name of a topic.
const maxTopic = 249

// Template makes the name of a topic. It may have the placeholders {host}, {cluster}
// and {scope}.
type Template string

// placeholders are all that a template may have.
var placeholders = []string{"{host}", "{cluster}", "{scope}"}

// Check returns an error unless the template makes names that Kafka takes.
func (t Template) Check() error {
	plain := string(t)
	for _, p := range placeholders {
		plain = strings.ReplaceAll(plain, p, "x")
	}
	switch i := strings.IndexFunc(plain, notInTopic); {
	case plain == "":
		return errors.New("the name is empty")
	case i >= 0 && (plain[i] == '{' || plain[i] == '}'):
		return fmt.Errorf("%q is not a placeholder: there are {host}, {cluster} and {scope}", placeholder(plain[i:]))
	case i >= 0:
		return fmt.Errorf("%q can't be part of a topic's name", string([]rune(plain[i:])[:1]))
	case len(plain) > maxTopic:
		return fmt.Errorf("longer than %d bytes", maxTopic)
	case plain == "." || plain == "..":
		return fmt.Errorf("%q is not a name of a topic", plain)
	}
	return nil
}

// placeholder returns what looks like one at the beginning of text.
func placeholder(text string) string {
	if i := strings.IndexByte(text, '}'); i >= 0 {
		return text[:i+1]
	}
	return text
}

// Names returns the topics that a host writes to, each once.
func (t Template) Names(host, cluster string) []string {
	var names []string
	for s := metric.Scope(0); int(s) < metric.NumScopes; s++ {
		if name := t.name(host, cluster, s); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// name returns a topic. What Kafka does not take in a name becomes an underscore.
func (t Template) name(host, cluster string, s metric.Scope) string {
	name := string(t)
	if strings.Contains(name, "{") {
		name = strings.NewReplacer("{host}", inTopic(host), "{cluster}", inTopic(cluster), "{scope}", s.String()).Replace(name)
	}
	return name[:min(len(name), maxTopic)]
}

func notInTopic(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_' || r == '-')
}

// inTopic returns what a name is in a topic's name.
func inTopic(name string) string {
	if name == "" {
		return "none"
	}
	return strings.Map(func(r rune) rune {
		if notInTopic(r) {
			return '_'
		}
		return r
	}, name)
}
