package main

import (
	"fmt"
	"strings"
)

// verdict is the result of the demo.
type verdict struct {
	view       view
	missing    []string // paths of expected metrics
	badLines   []string // that the receiver could not read
	unexpected int64    // requests with a wrong answer
	logs       string   // the last lines of the programs' logs
}

// listed bounds the missing metrics that are named.
const listed = 50

// summaryWidth is the width of the tables in the summary; it fits an e-mail.
const summaryWidth = 80

// ok reports whether every expected metric arrived.
func (v verdict) ok() bool {
	return v.view.checked > 0 && len(v.missing) == 0 && len(v.badLines) == 0
}

// text returns the summary: the tables, and then the verdict on them.
func (v verdict) text() string {
	var b strings.Builder
	for _, part := range [][]line{header(v.view), tables(v.view, summaryWidth), {nil, timingLine(v.view), nil}} {
		for _, l := range part {
			b.WriteString(l.String(summaryWidth, false) + "\n")
		}
	}
	if v.unexpected > 0 {
		fmt.Fprintf(&b, "%s of %s requests got another answer than they should.\n", count(int(v.unexpected)), count(int(v.view.sent)))
	}
	if v.ok() {
		fmt.Fprintf(&b, "PASS: all %s metrics that HAProxy accounts for, in each of %s snapshots.\n",
			count(v.view.expected), count(v.view.checked))
		return b.String()
	}
	if v.view.checked == 0 {
		b.WriteString("FAIL: the demo ended before a snapshot could be checked.\n")
	}
	if n := len(v.missing); n > 0 {
		fmt.Fprintf(&b, "FAIL: %s of %s expected metrics did not arrive:\n", count(n), count(v.view.expected))
		writeList(&b, v.missing)
	}
	if n := len(v.badLines); n > 0 {
		b.WriteString("FAIL: the receiver could not read:\n")
		writeList(&b, v.badLines)
	}
	if v.logs != "" {
		fmt.Fprintf(&b, "The programs said last:\n%s\n", v.logs)
	}
	return b.String()
}

func writeList(b *strings.Builder, items []string) {
	for _, item := range items[:min(len(items), listed)] {
		fmt.Fprintf(b, "  %s\n", item)
	}
	if more := len(items) - listed; more > 0 {
		fmt.Fprintf(b, "  and %s more\n", count(more))
	}
}
