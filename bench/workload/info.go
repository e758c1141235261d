package workload

import (
	"strconv"
	"strings"
)

// infoLine is a recorded line of "show info": the key with its separator, and
// the rest up to and including the newline.
type infoLine struct {
	key, rest string
	rule      rule
	varies    bool
}

// parseInfo takes a reply to "show info" apart, its closing empty line included.
func parseInfo(reply string) []infoLine {
	var lines []infoLine
	for line := range strings.Lines(reply) {
		key, rest, ok := strings.Cut(line, ": ")
		if !ok {
			lines = append(lines, infoLine{rest: line})
			continue
		}
		rule, varies := infoRules[key]
		lines = append(lines, infoLine{key: key + ": ", rest: rest, rule: rule, varies: varies})
	}
	return lines
}

// AppendInfo appends the reply of a process to "show info" in a round.
func (g *Generator) AppendInfo(dst []byte, process, round int) []byte {
	base := mix(mix(g.seed) ^ ^uint64(process))
	for i, line := range g.rec.info {
		dst = append(dst, line.key...)
		if !line.varies {
			dst = append(dst, line.rest...)
			continue
		}
		dst = strconv.AppendUint(dst, line.rule.value(mix(base^uint64(i)), uint64(round)), 10)
		dst = append(dst, '\n')
	}
	return dst
}
