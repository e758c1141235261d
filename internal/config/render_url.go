package config

import (
	"errors"
	"net/url"
	"strings"
)

var renderURL = kind[string]{
	"address", "an http or https address that ends in /render, without a password",
	func(text string) (string, error) {
		u, err := url.Parse(text)
		switch {
		case err != nil:
			return "", errors.New("not a URL")
		case u.Scheme != "http" && u.Scheme != "https":
			return "", errors.New("neither an http nor an https address")
		case u.User != nil:
			return "", &hinted{"the address contains a user or a password", "Let Graphite answer this host without a password, and remove both"}
		case u.Hostname() == "":
			return "", errors.New("the address has no host")
		case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
			return "", &hinted{"the address continues after its path", "Remove the text after /render"}
		case !strings.HasSuffix(strings.TrimSuffix(u.Path, "/"), "/render"):
			return "", errors.New("the path does not end in /render")
		}
		return text, nil
	},
}
