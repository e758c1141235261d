package scrape

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"haproxystats/internal/encode/samples"
	"haproxystats/internal/metric"
)

// everything are the words for all scopes.
var everything = []string{"global", "frontend", "listener", "backend", "server", "sticktable", "resolver"}

// maxPattern bounds a pattern of a question, in bytes.
const maxPattern = 1024

// selection returns what a question asks for, as HAProxy's exporter understands it: its
// parameters count in their order, and others are ignored.
func (s *Sink) selection(query string) (*samples.Selection, error) {
	sel := &samples.Selection{Scopes: s.opt.Scopes, ExtraCounters: s.opt.ExtraCounters}
	named := false // a scope was named
	wanted := make(map[string]bool)
	var proxies, servers []*regexp.Regexp
	for part := range strings.SplitSeq(query, "&") {
		name, value, given := strings.Cut(part, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			continue
		}
		if value, err = url.QueryUnescape(value); err != nil {
			return nil, fmt.Errorf("the value of %s is not encoded as URLs are", name)
		}
		switch name {
		case "scope":
			of, known := samples.ScopesOf(value)
			switch {
			case !given:
				return nil, errors.New("scope has no value")
			case value == "*":
				sel.Scopes = samples.Scopes(everything)
			case value == "":
				sel.Scopes = [metric.NumScopes]bool{}
			case !known:
				return nil, errors.New("scope is none of global, frontend, listener, backend, server, sticktable, resolver and *")
			default:
				if !named {
					sel.Scopes = [metric.NumScopes]bool{}
				}
				for _, scope := range of {
					sel.Scopes[scope] = true
				}
			}
			named = true
		case "metrics":
			for word := range strings.SplitSeq(value, ",") {
				if without, not := strings.CutPrefix(word, "-"); not {
					wanted[without] = false
				} else if word != "" {
					wanted[word] = true
				}
			}
		case "no-maint":
			sel.NoMaintenance = true
		case "extra-counters":
			sel.ExtraCounters = true
		case "proxy":
			proxies, err = addPattern(proxies, name, value)
		case "server":
			servers, err = addPattern(servers, name, value)
		}
		if err != nil {
			return nil, err
		}
	}
	sel.Family, sel.Proxy, sel.Server = families(wanted), anyOf(proxies), anyOf(servers)
	sel.Scopes[metric.Self] = s.opt.Own
	return sel, nil
}

// addPattern adds a pattern that a whole name must match.
func addPattern(to []*regexp.Regexp, name, text string) ([]*regexp.Regexp, error) {
	if len(text) > maxPattern {
		return nil, fmt.Errorf("%s is longer than %d bytes", name, maxPattern)
	}
	p, err := regexp.Compile("^(?s:" + text + ")$")
	if err != nil {
		return nil, fmt.Errorf("%s is not a regular expression", name)
	}
	return append(to, p), nil
}

// anyOf returns a function that reports whether a name matches one of the patterns; nil for
// none.
func anyOf(patterns []*regexp.Regexp) func(string) bool {
	if len(patterns) == 0 {
		return nil
	}
	return func(name string) bool {
		for _, p := range patterns {
			if p.MatchString(name) {
				return true
			}
		}
		return false
	}
}

// families returns a function that reports whether a family is wanted; nil for all. If one
// is wanted by its name, no other is.
func families(wanted map[string]bool) func(string) bool {
	if len(wanted) == 0 {
		return nil
	}
	only := false
	for _, want := range wanted {
		only = only || want
	}
	return func(name string) bool {
		want, named := wanted[name]
		if named {
			return want
		}
		return !only
	}
}
