package workload

import "strings"

// field says what stands in one place of a row.
type field uint8

const (
	literal field = iota // the recorded text
	proxyName
	serviceName
	proxyID
	serviceID
	address
	number // a value that varies
)

// piece is the text before a varying place of a row, and that place.
type piece struct {
	text   string
	field  field
	column uint64 // position in the header
	rule   rule
}

// template is a recorded row with holes for what differs between rows.
type template struct{ pieces []piece }

// newTemplate makes holes where the names, the ids and the numbers that change
// stand. The numbers of an idle row stay as recorded: mostly 0.
func newTemplate(columns, fields []string, busy bool) *template {
	t := &template{}
	var text strings.Builder
	for i, value := range fields {
		if i > 0 {
			text.WriteByte(',')
		}
		p := piece{column: uint64(i)}
		switch name := columns[i]; {
		case name == "# pxname":
			p.field = proxyName
		case name == "svname" && value != "FRONTEND" && value != "BACKEND":
			p.field = serviceName
		case name == "iid":
			p.field = proxyID
		case name == "sid":
			p.field = serviceID
		case name == "addr" && value != "":
			p.field = address
		case busy && value != "":
			if rule, ok := rules[name]; ok {
				p.field, p.rule = number, rule
			}
		}
		if p.field == literal {
			text.WriteString(quote(value))
			continue
		}
		p.text = text.String()
		text.Reset()
		t.pieces = append(t.pieces, p)
	}
	text.WriteByte('\n')
	t.pieces = append(t.pieces, piece{text: text.String()})
	return t
}

// quote writes a CSV field as HAProxy does: quoted only where it has to be.
func quote(value string) string {
	if !strings.ContainsAny(value, "\",\n") {
		return value
	}
	return `"` + strings.ReplaceAll(value, `"`, `""`) + `"`
}
