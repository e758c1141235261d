package config

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// influxOptions are the options of [influx] and [influx:NAME].
func influxOptions() []Option {
	list := func(c *Config) *Named[Influx] { return &c.Influxes }
	options := []Option{
		namedWith("influx", "url", "http://127.0.0.1:8086", influxAddress, list, func(i *Influx) *string { return &i.URL }),
		namedWith("influx", "version", "1", wholeBetween(1, 3), list, func(i *Influx) *int { return &i.Version }),
		namedWith("influx", "database", "telegraf", shortText, list, func(i *Influx) *string { return &i.Database }),
		named("influx", "retention-policy", shortText, list, func(i *Influx) *string { return &i.RetentionPolicy }),
		named("influx", "org", shortText, list, func(i *Influx) *string { return &i.Org }),
		named("influx", "bucket", shortText, list, func(i *Influx) *string { return &i.Bucket }),
		namedWith("influx", "measurement", "haproxy", measurement, list, func(i *Influx) *string { return &i.Measurement }),
		named("influx", "server-tag", shortText, list, func(i *Influx) *string { return &i.ServerTag }),
		named("influx", "tags", tagList, list, func(i *Influx) *[]Label { return &i.Tags }),
		namedWith("influx", "fqdn", "true", boolean, list, func(i *Influx) *bool { return &i.FQDN }),
		namedWith("influx", "keep-field-names", "false", boolean, list, func(i *Influx) *bool { return &i.KeepFieldNames }),
		namedWith("influx", "text-fields", "status check_status agent_status mode", textFields, list, func(i *Influx) *[]string { return &i.TextFields }),
		namedWith("influx", "compression", "gzip", influxCompression, list, func(i *Influx) *Compression { return &i.Compression }),
		namedWith("influx", "max-lines", "5000", wholeBetween(1, 100_000), list, func(i *Influx) *int { return &i.MaxLines }),
		namedWith("influx", "parallel", "1", wholeBetween(1, 64), list, func(i *Influx) *int { return &i.Parallel }),
	}
	for i := range options {
		options[i].New = true
	}
	return append(options, pushOptions("influx", pushDefaults{timeout: "5", interval: "1", backoff: "2", delay: "10"}, list, func(i *Influx) *Push { return &i.Push })...)
}

var influxCompression = oneOf(map[string]Compression{"gzip": CompressionGzip, "none": CompressionNone}, "gzip", "none")

// checkInflux refuses sections that lack where metrics go, and warns of options of another
// version.
func (l *loader) checkInflux() {
	for _, s := range l.kinds["influx"] {
		i, ok := l.config.Influxes.Get(s.instance)
		if !ok || i.Version == 0 {
			continue
		}
		idle := []string{"org", "bucket"}
		switch i.Version {
		case 2:
			idle = []string{"database", "retention-policy"}
			for _, name := range []string{"org", "bucket"} {
				if _, set := l.doc.Lookup(s.name, name); !set {
					l.refuseIn(s.name, "version", "version 2 needs "+name, "Set "+name+" in ["+s.name+"]")
				}
			}
		case 3:
			idle = append(idle, "retention-policy")
		}
		for _, name := range idle {
			l.warnOwn(s.name, name, fmt.Sprintf("no effect with version = %d", i.Version), "Remove this option, or set another version")
		}
	}
}

// writePaths are those of the write APIs.
var writePaths = []string{"/write", "/api/v2/write", "/api/v3/write_lp"}

// influxAddress is the address of a server without the path of its write API.
var influxAddress = kind[string]{"address", "an http or https address without a password, and without the path of the write API", func(text string) (string, error) {
	u, err := parseAddress(text)
	if err != nil {
		return "", err
	}
	if u.RawQuery != "" || u.ForceQuery {
		return "", &hinted{"the address has a query", "Remove it: version, database, org and bucket make one"}
	}
	return text, checkWritePath(u)
}}

func checkWritePath(u *url.URL) error {
	path := strings.TrimSuffix(u.Path, "/")
	if slices.ContainsFunc(writePaths, func(end string) bool { return strings.HasSuffix(path, end) }) {
		return &hinted{"the address has the path of the write API", "Remove that path: version says which one it is"}
	}
	return nil
}

// measurement is the name of a measurement.
var measurement = kind[string]{"name", "letters, digits and _ - . up to 249 bytes", func(text string) (string, error) {
	if !regexp.MustCompile(`^[A-Za-z0-9_.-]{1,249}$`).MatchString(text) {
		return "", errors.New("not a name that a measurement can have here")
	}
	return text, nil
}}

// textNames are the texts that can be fields.
var textNames = []string{"status", "check_status", "agent_status", "mode"}

// textFields is a list of texts.
var textFields = kind[[]string]{"list of words", strings.Join(textNames, ", ") + ", or none", func(text string) ([]string, error) {
	list, err := words.parse(strings.ToLower(text))
	if err != nil || len(list) == 1 && list[0] == "none" {
		return nil, err
	}
	for _, word := range list {
		if !slices.Contains(textNames, word) {
			return nil, fmt.Errorf("%q is not a text that is sent", word)
		}
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}}

// takenTags are tags that lines have.
var takenTags = []string{
	"cluster", "name", "nameserver", "process", "proxy", "pxname", "resolver", "server", "socket", "subject", "sv", "svname", "time", "type",
}

// tagList is a list of tags with their values.
var tagList = pairs{"tag", "name", maxLabels, checkTag}.list()

// checkTag refuses tags that lines have, and those that a server would not take.
func checkTag(name, value string) error {
	switch {
	case !labelName.MatchString(name):
		return fmt.Errorf("%q is not the name of a tag: it has letters, digits and _ and begins with no digit", name)
	case name == "server":
		return &hinted{"the tag \"server\" has an option of its own", "Set server-tag"}
	case slices.Contains(takenTags, name):
		return fmt.Errorf("the tag %q has another meaning", name)
	}
	return checkValue(name, value)
}
