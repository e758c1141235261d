package main

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// style is the look of a piece of text. Only states have colors.
type style string

// The styles, as escape sequences.
const (
	plain style = ""
	bold  style = "\x1b[1m"
	dim   style = "\x1b[2m"
	good  style = "\x1b[32m"
	fair  style = "\x1b[33m"
	bad   style = "\x1b[31m"
	reset       = "\x1b[0m"
)

// span is a piece of a line.
type span struct {
	text  string
	style style
}

// line is one row of the terminal.
type line []span

// String returns the line, cut to width columns. Every character takes one.
func (l line) String(width int, styled bool) string {
	var b strings.Builder
	for _, s := range l {
		text := []rune(s.text)
		text = text[:min(len(text), width)]
		width -= len(text)
		if styled && s.style != plain && len(text) > 0 {
			b.WriteString(string(s.style) + string(text) + reset)
		} else {
			b.WriteString(string(text))
		}
	}
	return strings.TrimRight(b.String(), " ")
}

// picture is what a screen shows. If the screen is too low, lines of the body are left
// out.
type picture interface {
	parts(width int) (head, body, foot []line)
}

func (v view) parts(width int) (head, body, foot []line) {
	return header(v), tables(v, width), footer(v)
}

// render draws the picture on width by height characters, as plain text unless styled. A
// height of 0 means no bound.
func render(p picture, width, height int, styled bool) string {
	head, body, foot := p.parts(width)
	if room := height - len(head) - len(foot); height > 0 && len(body) > room {
		body = body[:max(0, room-1)]
		body = append(body, line{{" … more than this terminal is high", dim}})
	}
	var lines []string
	for _, part := range [][]line{head, body, foot} {
		for _, l := range part {
			lines = append(lines, l.String(width, styled))
		}
	}
	if height > 0 {
		lines = lines[:min(len(lines), height)]
	}
	return strings.Join(lines, "\n")
}

func header(v view) []line {
	news := line{{" no snapshot yet", plain}}
	if v.snapshots > 0 {
		snapshots := "snapshots"
		if v.snapshots == 1 {
			snapshots = "snapshot"
		}
		news = line{{fmt.Sprintf(" %s %s of %s metrics   ", count(v.snapshots), snapshots, count(v.metrics)), plain}}
	}
	switch {
	case v.missing > 0:
		news = append(news, span{fmt.Sprintf("%s of %s expected are MISSING", count(v.missing), count(v.expected)), bad})
	case v.checked > 0:
		news = append(news, span{fmt.Sprintf("all %s expected are there", count(v.expected)), good})
	}
	return []line{
		{
			{" haproxystats demo", bold},
			{fmt.Sprintf("   %s   %s requests sent", clock(v.elapsed), count(int(v.sent))), plain},
		},
		news,
		{},
	}
}

// hint is the last line of every picture.
var hint = line{{" Ctrl-C ends the demo and all that it started", dim}}

func footer(v view) []line {
	return []line{
		{},
		timingLine(v),
		hint,
	}
}

// timingLine shows the times that haproxystats-process has measured.
func timingLine(v view) line {
	if len(v.timings) == 0 {
		return nil
	}
	if v.timings[0].seconds == 0 { // it counts whole milliseconds
		return line{{" process took less than 1 ms", plain}}
	}
	var parts []string
	for _, t := range v.timings[1:] {
		parts = append(parts, fmt.Sprintf("%s %.0f", t.what, t.seconds*1000))
	}
	return line{{fmt.Sprintf(" process took %.0f ms: %s", v.timings[0].seconds*1000, strings.Join(parts, ", ")), plain}}
}

// name columns are as wide as their longest entry, within these bounds.
const nameMin, nameMax = 12, 30

func tables(v view, width int) []line {
	name := nameMin
	for _, p := range v.proxies {
		name = max(name, utf8.RuneCountInString(p.name)+1)
	}
	name = min(name, nameMax, max(nameMin, width/4))
	var lines []line
	var last kind
	for _, p := range v.proxies {
		if p.kind != last {
			if last != "" {
				lines = append(lines, line{})
			}
			lines = append(lines, proxyHead(p.kind, name))
			last = p.kind
		}
		lines = append(lines, proxyLine(p, name, width))
	}
	if len(v.processes) > 0 {
		lines = append(lines, line{}, processHead(name))
	}
	for _, p := range v.processes {
		lines = append(lines, processLine(p, name, width))
	}
	return lines
}

// fixed is the width of the columns before the sparkline, names left out.
const fixed = 1 + 8 + 9 + 9 + 8 + 10 + 2

func spark(values []float64, name, width int, full float64) span {
	return span{"  " + sparkline(values, max(0, width-fixed-name-1), full), plain}
}

func proxyHead(k kind, name int) line {
	servers := ""
	if k == backend {
		servers = "servers"
	}
	return line{{fmt.Sprintf(" %-*s%8s%9s%9s%8s%10s  %s", name, k, servers, "sessions", "req/s", "errors", "bytes/s", "requests"), bold}}
}

func proxyLine(p proxyRow, name, width int) line {
	return line{
		{fmt.Sprintf(" %-*s", name, cut(p.name, name-1)), plain},
		servers(p),
		{fmt.Sprintf("%9s%9.1f", number(p.sessions), p.requests), plain},
		errorShare(p.errors),
		{fmt.Sprintf("%10s", size(p.bytes)), plain},
		spark(p.history, name, width, 0),
	}
}

func servers(p proxyRow) span {
	if p.all == 0 {
		return span{fmt.Sprintf("%8s", ""), plain}
	}
	s := span{fmt.Sprintf("%8s", fmt.Sprintf("%s of %s", number(math.Round(p.up*10)/10), number(p.all))), good}
	switch {
	case p.up == 0:
		s.style = bad
	case p.up < p.all:
		s.style = fair
	}
	return s
}

func errorShare(share float64) span {
	if share < 0 {
		return span{fmt.Sprintf("%8s", "-"), plain}
	}
	s := span{fmt.Sprintf("%7.1f%%", share*100), plain}
	switch {
	case share >= 0.5:
		s.style = bad
	case share >= 0.05:
		s.style = fair
	}
	return s
}

// busy is the least CPU, in percent, that fills a sparkline's height.
const busy = 10

func processHead(name int) line {
	return line{{fmt.Sprintf(" %-*s%8s%9s%9s%8s%10s  %s", name, "process", "cpu", "conns", "req/s", "conns/s", "uptime", "cpu"), bold}}
}

func processLine(p processRow, name, width int) line {
	return line{
		{fmt.Sprintf(" %-*s%7.0f%%%9s%9.1f%8.0f%10s", name, cut(p.name, name-1), p.cpu,
			number(p.connections), p.requests, p.rate, clock(p.uptime)), plain},
		spark(p.history, name, width, busy),
	}
}

// cut shortens a text to width characters.
func cut(s string, width int) string {
	r := []rune(s)
	if len(r) <= width {
		return s
	}
	return string(r[:width-1]) + "…"
}
