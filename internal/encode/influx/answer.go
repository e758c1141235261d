package influx

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
)

// Split cuts lines of [Encoder] near the middle. firstMetrics are the fields of the first
// part. It returns false for a single line.
func Split(lines []byte) (first, second []byte, firstMetrics int, ok bool) {
	half := len(lines) / 2
	cut := bytes.IndexByte(lines[half:], '\n') + half + 1
	if cut <= half || cut >= len(lines) {
		if cut = bytes.LastIndexByte(lines[:max(0, half)], '\n') + 1; cut == 0 {
			return nil, nil, 0, false
		}
	}
	first, second = lines[:cut], lines[cut:]
	for line := range bytes.Lines(first) {
		firstMetrics += countFields(line)
	}
	return first, second, firstMetrics, true
}

// Lines returns the number of lines.
func Lines(lines []byte) int { return bytes.Count(lines, []byte("\n")) }

// countFields returns the number of fields of a line of [Encoder], whose strings are words.
func countFields(line []byte) (n int) {
	inFields := false
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case ' ':
			if inFields {
				return n
			}
			inFields = true
		case '=':
			if inFields {
				n++
			}
		}
	}
	return n
}

var (
	dropped  = regexp.MustCompile(`dropped=(\d+)`)
	unparsed = []byte("unable to parse '")
)

// Rejected returns the number of lines that a server has not stored, as its answer says, and
// what it says; 0 if it does not say how many. An answer may be that of InfluxDB 1, 2 or 3.
func Rejected(body []byte) (lines int, reason string) {
	var answer struct {
		Error   string `json:"error"`
		Message string `json:"message"`
		Data    []struct {
			Message string `json:"error_message"`
		} `json:"data"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return 0, ""
	}
	reason = answer.Error
	if answer.Message != "" {
		reason = answer.Message
	}
	if len(answer.Data) > 0 {
		return len(answer.Data), reason + ": " + answer.Data[0].Message
	}
	if m := dropped.FindStringSubmatch(reason); m != nil {
		lines, _ = strconv.Atoi(m[1])
	}
	return lines + bytes.Count([]byte(reason), unparsed), reason
}
