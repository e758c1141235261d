package haproxy

import (
	"bytes"
	"strings"
	"time"
)

// StickTable is a stick table as `show table` lists it.
type StickTable struct {
	Name, Type string
	// Size is the number of entries that it may have, and Used that of those it has.
	Size, Used int64
}

// The beginnings of answers.
const (
	TableBegin     = "# table: "
	ResolversBegin = "# id,pid,"
	CertsBegin     = "# "
)

// ReadStickTables reads an answer to `show table`. Lines that are none are left out.
func ReadStickTables(answer []byte) []StickTable {
	var all []StickTable
	for line := range bytes.Lines(answer) {
		text, ok := strings.CutPrefix(strings.TrimSuffix(string(line), "\n"), TableBegin)
		if !ok {
			continue
		}
		name, rest, ok1 := strings.Cut(text, ", type: ")
		kind, rest, ok2 := strings.Cut(rest, ", size:")
		sizeText, rest, ok3 := strings.Cut(rest, ", used:")
		usedText, _, _ := strings.Cut(rest, ",") // later versions say more
		size, ok4 := Number([]byte(sizeText))
		used, ok5 := Number([]byte(usedText))
		if ok1 && ok2 && ok3 && ok4 && ok5 && name != "" {
			all = append(all, StickTable{name, kind, size, used})
		}
	}
	return all
}

// NameServer is a row of `show stat domain resolvers`.
type NameServer struct {
	// Section is the section of resolvers, and Name that of the name server.
	Section, Name string
	// Fields and Values are the numbers of the row.
	Fields []string
	Values []int64
}

// ReadNameServers reads an answer to `show stat domain resolvers`. Rows that are none are
// left out.
func ReadNameServers(answer []byte) []NameServer {
	var header []string
	var all []NameServer
	for line := range bytes.Lines(answer) {
		text := strings.TrimSuffix(string(line), "\n")
		if rest, ok := strings.CutPrefix(text, "# "); ok {
			header = strings.Split(rest, ",")
			continue
		}
		values := strings.Split(text, ",")
		if len(header) == 0 || len(values) != len(header) {
			continue
		}
		var s NameServer
		for i, field := range header {
			switch field {
			case "id":
				s.Name = values[i]
			case "pid":
				s.Section = values[i]
			default:
				if n, ok := Number([]byte(values[i])); ok && field != "" {
					s.Fields, s.Values = append(s.Fields, field), append(s.Values, n)
				}
			}
		}
		if s.Name != "" {
			all = append(all, s)
		}
	}
	return all
}

// ReadCertificateNames reads an answer to `show ssl cert`: the names of the certificates
// that HAProxy has loaded.
func ReadCertificateNames(answer []byte) []string {
	var all []string
	for line := range bytes.Lines(answer) {
		// A name with a star is that of a transaction.
		if name := strings.TrimSuffix(string(line), "\n"); name != "" && name[0] != '#' && name[0] != '*' {
			all = append(all, name)
		}
	}
	return all
}

// Certificate is what HAProxy says of a certificate.
type Certificate struct {
	// Name is the file.
	Name string
	// NotAfter is the end of its validity.
	NotAfter time.Time
	// Subject is whom it is for.
	Subject string
}

// notAfter is the form in which HAProxy writes times of certificates.
const notAfter = "Jan _2 15:04:05 2006 MST"

// ReadCertificates reads answers to `show ssl cert NAME`, one after another. What has no
// name or no end is left out.
func ReadCertificates(answers []byte) []Certificate {
	var all []Certificate
	var c Certificate
	take := func() {
		if c.Name != "" && !c.NotAfter.IsZero() {
			all = append(all, c)
		}
		c = Certificate{}
	}
	for line := range bytes.Lines(answers) {
		key, value, _ := strings.Cut(strings.TrimSuffix(string(line), "\n"), ": ")
		switch key {
		case "Filename":
			take()
			c.Name = value
		case "notAfter":
			if t, err := time.Parse(notAfter, value); err == nil && c.NotAfter.IsZero() {
				c.NotAfter = t
			}
		case "Subject":
			if c.Subject == "" {
				c.Subject = value
			}
		}
	}
	take()
	return all
}

// AppendCertificate appends a certificate in HAProxy's form, an empty line at its end.
func AppendCertificate(b []byte, c Certificate) []byte {
	b = append(append(b, "Filename: "...), c.Name...)
	b = append(append(b, "\nnotAfter: "...), c.NotAfter.UTC().Format("Jan _2 15:04:05 2006")+" GMT"...)
	b = append(append(b, "\nSubject: "...), c.Subject...)
	return append(b, "\n\n"...)
}
