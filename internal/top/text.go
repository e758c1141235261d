package top

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// escapes are the sequences that give a style its colour in a terminal.
var escapes = map[Style]string{Dim: "\x1b[2m", Heading: "\x1b[1m", Good: "\x1b[32m", Warning: "\x1b[33m", Bad: "\x1b[31m", Accent: "\x1b[36m"}

// WriteText writes the rows that a query selects of each kind, all of them and as wide as
// they are, as tables.
func (m *Model) WriteText(w io.Writer, kinds []Kind, q Query, colours bool) error {
	out := bufio.NewWriter(w)
	style := func(text string, s Style) string {
		if !colours || escapes[s] == "" {
			return text
		}
		return escapes[s] + text + "\x1b[0m"
	}
	fmt.Fprintln(out, style(m.Headline(), Heading))
	for _, k := range kinds {
		if why := m.Reading.NotCollected(k); why != "" {
			fmt.Fprintf(out, "\n%s\n", style(strings.ToUpper(k.Plural())+": "+why, Heading))
			continue
		}
		q.Kind = k
		rows := m.Rows(q)
		fmt.Fprintf(out, "\n%s\n", style(fmt.Sprintf("%s: %d", strings.ToUpper(k.Plural()), len(rows)), Heading))
		var needed Widths
		for _, r := range rows {
			needed.Add(r, true)
		}
		columns := Columns([]Kind{k}, 0, needed, true)
		var line strings.Builder
		for i := range columns {
			if i > 0 {
				line.WriteByte(' ')
			}
			line.WriteString(Fit(columns[i].Title, columns[i].Width, columns[i].Right))
		}
		fmt.Fprintln(out, style(strings.TrimRight(line.String(), " "), Dim))
		for _, r := range rows {
			for i := range columns {
				c := &columns[i]
				text, s := c.Cell(r)
				if i > 0 {
					fmt.Fprint(out, " ")
				}
				if i == len(columns)-1 && !c.Right {
					fmt.Fprint(out, style(text, s))
				} else {
					fmt.Fprint(out, style(Fit(text, c.Width, c.Right), s))
				}
			}
			if p := r.Info; p != nil && p.Problem != "" {
				fmt.Fprint(out, "  ", style(Clean(p.Problem), Bad))
				if p.Hint != "" {
					fmt.Fprint(out, ". ", Clean(p.Hint))
				}
			}
			fmt.Fprintln(out)
		}
	}
	for _, f := range m.Reading.Faults {
		fmt.Fprintf(out, "\n%s\n", style("not used in whole: "+Clean(f), Bad))
	}
	return out.Flush()
}

// Headline returns the sums of all processes in a line.
func (m *Model) Headline() string {
	s := &m.Summary
	parts := []string{count(s.Processes, "process", "processes")}
	if s.Old > 0 {
		parts[0] += fmt.Sprintf(" and %d old", s.Old)
	}
	if s.Silent > 0 {
		parts[0] += fmt.Sprintf(", %d silent", s.Silent)
	}
	if len(s.Versions) > 0 {
		versions := s.Versions[0]
		if len(s.Versions) > 1 {
			versions = fmt.Sprintf("%s to %s", s.Versions[0], s.Versions[len(s.Versions)-1])
		}
		parts = append(parts, "HAProxy "+Clean(versions))
	}
	connections := Format(s.Values[Sessions], Count) + " connections"
	if s.Values[Sessions] == 1 {
		connections = "1 connection"
	}
	parts = append(parts,
		connections,
		Format(s.Values[SessionRate], PerSecond)+" conn/s",
		Format(s.Values[Requests], PerSecond)+" req/s",
		"CPU "+Format(s.Values[CPU], Percent))
	return strings.Join(parts, ", ")
}

// count returns a number with the word for it.
func count(n int, one, several string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, several)
}
