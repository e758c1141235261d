package config

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"unicode"
)

// kind parses the text of a value into a T.
type kind[T any] struct {
	name    string // "whole number"
	allowed string // completes "allowed: "
	parse   func(string) (T, error)
}

var errRange = errors.New("out of range")

// wordKind is the name of the kinds that [oneOf] returns.
const wordKind = "word"

// oneOf accepts one of several words, in upper or lower case.
func oneOf[T any](words map[string]T, allowed ...string) kind[T] {
	return kind[T]{wordKind, strings.Join(allowed, ", "), func(text string) (T, error) {
		v, ok := words[strings.ToLower(text)]
		if !ok {
			return v, errors.New("not one of the words" + meant(strings.ToLower(text), slices.Sorted(maps.Keys(words))))
		}
		return v, nil
	}}
}

var boolean = kind[bool]{
	"yes or no", "true or false, yes or no, on or off, 1 or 0",
	func(text string) (bool, error) {
		switch strings.ToLower(text) {
		case "1", "yes", "true", "on":
			return true, nil
		case "0", "no", "false", "off":
			return false, nil
		}
		return false, errors.New("neither yes nor no")
	},
}

var directory = kind[string]{"directory", "a path", parsePath}

func parsePath(text string) (string, error) {
	switch {
	case text == "":
		return "", errors.New("the path is empty")
	case strings.ContainsFunc(text, unicode.IsControl):
		return "", errors.New("the path contains a line break or another control character")
	}
	return text, nil
}

var stateDir = kind[string]{"state directory", "a path, or nothing to keep no state", func(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	return parsePath(text)
}}

var pemFile = kind[string]{"file", "a file in PEM form", parsePath}

// maxSocketName keeps the name of a socket short enough for its address,
// whatever the length of its directory's path.
const maxSocketName = 80

var socketFile = kind[string]{"socket", "the path of a UNIX socket, or nothing to have none", func(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	path, err := parsePath(text)
	switch {
	case err != nil:
		return "", err
	case strings.HasSuffix(path, "/"):
		return "", errors.New("the path is that of a directory")
	case len(path)-strings.LastIndexByte(path, '/')-1 > maxSocketName:
		return "", fmt.Errorf("the name after the last `/` has more than %d bytes", maxSocketName)
	}
	return path, nil
}}

// MasterAuto and MasterNone are the words that stand for no path of a socket.
const (
	MasterAuto = "auto"
	MasterNone = "none"
)

var masterSocket = kind[string]{"master socket", "auto, none, or the path of a UNIX socket", func(text string) (string, error) {
	switch word := strings.ToLower(text); word {
	case "", MasterNone:
		return MasterNone, nil
	case MasterAuto:
		return MasterAuto, nil
	}
	return socketFile.parse(text)
}}

var nameFile = kind[NameFile]{"file", "a file with one name or /regular expression/ per line", func(text string) (NameFile, error) {
	path, err := parsePath(text)
	return NameFile{File: path}, err
}}

var host = kind[string]{"host", "a host name or an IP address", parseHost}

// parseHost accepts an IPv6 address with or without brackets, and removes them.
func parseHost(text string) (string, error) {
	if text == "" {
		return "", errors.New("the host is empty")
	}
	bare := strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")
	if _, err := netip.ParseAddr(bare); err == nil && (bare == text || len(bare) == len(text)-2) {
		return bare, nil
	}
	if i := strings.IndexFunc(text, notInHost); i >= 0 {
		if text[i] == ':' {
			return "", errors.New("the host contains a colon but is not an IPv6 address")
		}
		return "", fmt.Errorf("%q can't be part of a host name", text[i:i+1])
	}
	return text, nil
}

// The longest name of a host, and of each of its parts, in bytes: see hostname(7).
const (
	maxHostName = 253
	maxHostPart = 63
)

var hostName = kind[string]{"host name", "a name of letters, digits, `-`, `_` and `.`", func(text string) (string, error) {
	if len(text) > maxHostName {
		return "", fmt.Errorf("longer than %d bytes", maxHostName)
	}
	for _, part := range strings.Split(text, ".") {
		i := strings.IndexFunc(part, func(r rune) bool {
			return r != '-' && r != '_' && (r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r))
		})
		switch {
		case part == "":
			return "", errors.New("a part of the name is empty")
		case i >= 0:
			return "", fmt.Errorf("%q can't be part of a host's name", string([]rune(part[i:])[:1]))
		case len(part) > maxHostPart:
			return "", fmt.Errorf("a part of the name is longer than %d bytes", maxHostPart)
		}
	}
	if first, _, _ := strings.Cut(text, "."); strings.EqualFold(first, "localhost") {
		return "", &hinted{"every host has this name", "Write the name that this host's metrics are to have, or remove the option"}
	}
	return text, nil
}}

func notInHost(r rune) bool {
	return r <= ' ' || unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune(`:/\[]@?#,;"'`, r)
}

var pathPrefix = kind[string]{
	"Graphite path", "components separated by dots, without white space, `/` and `;`", parseGraphitePath,
}

// parseGraphitePath refuses characters that would break a line or a path of Graphite.
func parseGraphitePath(text string) (string, error) {
	if slices.Contains(strings.Split(text, "."), "") {
		return "", errors.New("a component of the path is empty")
	}
	i := strings.IndexFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || r == '/' || r == ';'
	})
	if i >= 0 {
		return "", fmt.Errorf("%q would break the path", text[i:i+1])
	}
	return text, nil
}
