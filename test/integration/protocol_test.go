package integration

import (
	"strings"
	"sync"
	"testing"

	"haproxystats/test/real"
)

// TestProtocol holds what haproxystats-pull relies on, of HAProxy and of the
// simulator alike.
func TestProtocol(t *testing.T) {
	eachFleet(t, func(s *site, f *fleet) {
		s.must(f.work(s.ctx))
		for _, m := range f.members {
			ask := func(line string) string {
				reply, err := real.Ask(s.ctx, m.network, m.address, line)
				s.must(err)
				return reply
			}
			info, stat := ask("show info"), ask("show stat")
			s.isInfo(m.name, info)
			s.isStat(m.name, stat)

			for line, shapes := range map[string][]func(string, string){
				"show info;show stat":    {s.isInfo, s.isStat},
				"show stat;show info":    {s.isStat, s.isInfo},
				" show info ; show stat": {s.isInfo, s.isStat},
				"show info\r":            {s.isInfo},
				"no-such-command":        {s.isUnknown},
				"show info;no-such":      {s.isInfo, s.isUnknown},
				"no-such;show stat":      {s.isUnknown, s.isStat},
			} {
				rest := ask(line)
				for _, shape := range shapes {
					reply, behind, ok := strings.Cut(rest, "\n\n")
					if !ok {
						s.t.Errorf("%s: %q is answered %q: no empty line ends it", m.name, line, rest)
					}
					shape(m.name, reply+"\n\n")
					rest = behind
				}
				if rest != "" {
					s.t.Errorf("%s: %q is answered with %q behind the last reply", m.name, line, rest)
				}
			}
			s.answersManyAtOnce(m)
		}
	})
}

// isInfo wants keys and values, a line each, ended by the only empty line.
func (s *site) isInfo(member, reply string) {
	s.t.Helper()
	lines := replyLines(s, member, reply)
	if !strings.HasPrefix(lines[0], "Name: ") {
		s.t.Errorf("%s: show info begins with %q", member, lines[0])
	}
	for _, line := range lines {
		if _, _, ok := strings.Cut(line, ":"); !ok {
			s.t.Errorf("%s: show info holds %q, no key and value", member, line)
		}
	}
}

// isStat wants a header and rows of as many columns, ended by the only empty
// line.
func (s *site) isStat(member, reply string) {
	s.t.Helper()
	lines := replyLines(s, member, reply)
	if !strings.HasPrefix(lines[0], "# pxname,svname,") {
		s.t.Errorf("%s: show stat begins with %.40q", member, lines[0])
	}
	for _, line := range lines {
		if !strings.HasSuffix(line, ",") || strings.Count(line, ",") < strings.Count(lines[0], ",") {
			s.t.Errorf("%s: show stat holds %q", member, line)
		}
	}
}

// isUnknown wants the words that tell the reader of an unknown command.
func (s *site) isUnknown(member, reply string) {
	s.t.Helper()
	lines := replyLines(s, member, reply)
	if !strings.HasPrefix(lines[0], "Unknown command") || !strings.HasSuffix(lines[0], ":") {
		s.t.Errorf("%s: an unknown command is answered %q", member, lines[0])
	}
	for _, line := range lines[1:] {
		if !strings.HasPrefix(line, "  ") || !strings.Contains(line, ": ") {
			s.t.Errorf("%s: the list of commands holds %q", member, line)
		}
	}
	if last := lines[len(lines)-1]; !strings.HasPrefix(last, "  quit ") {
		s.t.Errorf("%s: the list of commands ends with %q", member, last)
	}
}

func replyLines(s *site, member, reply string) []string {
	s.t.Helper()
	body, ok := strings.CutSuffix(reply, "\n\n")
	if !ok || body == "" || strings.Contains(body, "\n\n") || strings.Contains(body, "\r") {
		s.t.Fatalf("%s answers %q, no reply ended by its only empty line", member, reply)
	}
	return strings.Split(body, "\n")
}

// answersManyAtOnce asks over as many connections as a stats socket takes.
func (s *site) answersManyAtOnce(m member) {
	s.t.Helper()
	const most = 10
	answers := make([]string, most)
	errs := make([]error, most)
	var asking sync.WaitGroup
	for i := range most {
		asking.Go(func() { answers[i], errs[i] = real.Ask(s.ctx, m.network, m.address, "show info;show stat") })
	}
	asking.Wait()
	s.must(errs...)
	for _, a := range answers {
		if strings.Count(a, "\n\n") != 2 || !strings.HasSuffix(a, "\n\n") {
			s.t.Errorf("%s answers %q to one of %d at once", m.name, a, most)
		}
	}
}
