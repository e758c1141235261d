package reply

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"strings"

	"haproxystats/internal/snapshot"
)

// serverType is the value of the column type in the row of a server.
const serverType = "2"

// Addressed are the files of a snapshot in which servers have their address as name, so
// that nodes that name a server differently agree. Two servers of a backend with one
// address have one name then.
type Addressed struct {
	fs.FS
	// Hidden counts the rows of servers whose address the socket does not show: they keep
	// their names.
	Hidden int
}

// Open implements [fs.FS].
func (a *Addressed) Open(name string) (fs.File, error) {
	f, err := a.FS.Open(name)
	if err != nil || !strings.HasSuffix(name, snapshot.StatSuffix) {
		return f, err
	}
	return &addressedFile{File: f, files: a, lines: bufio.NewReaderSize(f, 64<<10)}, nil
}

// addressedFile is a reply to `show stat`.
type addressedFile struct {
	fs.File
	files *Addressed
	lines *bufio.Reader
	begun bool
	// The numbers of columns; -1 if there is none.
	name, kind, address int
	out                 []byte // still to be read
	line                []byte
	err                 error
}

// Read implements [fs.File].
func (f *addressedFile) Read(p []byte) (int, error) {
	for len(f.out) == 0 {
		if f.err != nil {
			return 0, f.err
		}
		f.next()
	}
	n := copy(p, f.out)
	f.out = f.out[n:]
	return n, nil
}

// next reads a line. A longer one than any of HAProxy's comes in pieces, as it is.
func (f *addressedFile) next() {
	part, err := f.lines.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		err = nil
	}
	f.err = err
	if err != nil && !errors.Is(err, io.EOF) {
		part = nil
	}
	f.line = append(f.line[:0], part...)
	f.out = f.line
	if !f.begun {
		f.begin()
		return
	}
	if f.address < 0 || f.name < 0 || f.kind < 0 {
		return
	}
	fields := splitRow(f.line)
	if len(fields) <= max(f.name, f.kind, f.address) || string(f.line[fields[f.kind][0]:fields[f.kind][1]]) != serverType {
		return
	}
	address := f.line[fields[f.address][0]:fields[f.address][1]]
	if len(address) == 0 || bytes.ContainsAny(address, "\",") {
		f.files.Hidden++
		return
	}
	at := fields[f.name]
	f.out = append(append(append([]byte(nil), f.line[:at[0]]...), address...), f.line[at[1]:]...)
}

// begin finds the columns in the header.
func (f *addressedFile) begin() {
	if len(bytes.TrimSpace(f.line)) == 0 {
		return // before the header
	}
	f.begun = true
	f.name, f.kind, f.address = -1, -1, -1
	for i, at := range splitRow(f.line) {
		switch strings.TrimSpace(strings.TrimPrefix(string(f.line[at[0]:at[1]]), "# ")) {
		case "svname":
			f.name = i
		case "type":
			f.kind = i
		case "addr":
			f.address = i
		}
	}
}

// splitRow returns the beginning and the end of each field of a row. A comma in quotes
// ends none.
func splitRow(line []byte) [][2]int {
	fields := make([][2]int, 0, 128)
	start, quoted := 0, false
	for i, b := range line {
		switch {
		case b == '"':
			quoted = !quoted
		case b == ',' && !quoted:
			fields = append(fields, [2]int{start, i})
			start = i + 1
		}
	}
	return append(fields, [2]int{start, len(bytes.TrimRight(line, "\r\n"))})
}
