package influx

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
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
	partial  = []byte("partial write")
)

// Rejected returns the number of lines that a server has not stored, as its answer says, and
// what it says. The number is 0 if the answer does not say how many, and -1 if the end of the
// answer is missing. An answer may be that of InfluxDB 1, 2 or 3.
func Rejected(body []byte) (lines int, reason string) {
	var answer struct {
		Error   string `json:"error"`
		Message string `json:"message"`
		Data    []struct {
			Message string `json:"error_message"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		if fault := new(json.SyntaxError); errors.As(err, &fault) && fault.Offset == int64(len(body)) &&
			(bytes.Contains(body, unparsed) || bytes.Contains(body, partial)) {
			return -1, ""
		}
		return 0, ""
	}
	reason = answer.Error
	if answer.Message != "" {
		reason = answer.Message
	}
	if len(answer.Data) > 0 {
		return len(answer.Data), reason + ": " + answer.Data[0].Message
	}
	// It is at the end, after lines that may say something like it.
	if all := dropped.FindAllStringSubmatch(reason, -1); len(all) > 0 {
		n, err := strconv.Atoi(all[len(all)-1][1])
		if lines = min(n, math.MaxInt32); err != nil {
			lines = math.MaxInt32
		}
	}
	return lines + bytes.Count([]byte(reason), unparsed), reason
}
