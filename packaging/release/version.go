package main

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"strconv"
)

// version is the number of a release. Of what semver.org allows it takes what
// the formats of packages order in the same way: a release, or a candidate for one.
type version struct {
	major, minor, patch int
	candidate           int // final where there is none
}

const final = math.MaxInt // of all candidates the last

const number = `(0|[1-9][0-9]{0,8})`

var versionForm = regexp.MustCompile(`^` + number + `\.` + number + `\.` + number + `(?:-rc\.([1-9][0-9]{0,8}))?$`)

// parseVersion reads MAJOR.MINOR.PATCH or MAJOR.MINOR.PATCH-rc.N.
func parseVersion(text string) (version, error) {
	parts := versionForm.FindStringSubmatch(text)
	if parts == nil {
		return version{}, fmt.Errorf("VERSION=%s: expected MAJOR.MINOR.PATCH such as 1.2.0, or a candidate such as 1.2.0-rc.1", text)
	}
	var n [4]int
	for i, digits := range parts[1:] {
		n[i], _ = strconv.Atoi(digits) // the form leaves nothing to fail
	}
	v := version{major: n[0], minor: n[1], patch: n[2], candidate: n[3]}
	if v.candidate == 0 {
		v.candidate = final
	}
	return v, nil
}

// String returns the text that parseVersion reads.
func (v version) String() string {
	text := fmt.Sprintf("%d.%d.%d", v.major, v.minor, v.patch)
	if v.candidate != final {
		text += fmt.Sprintf("-rc.%d", v.candidate)
	}
	return text
}

// tag returns the name of its tag.
func (v version) tag() string { return "v" + v.String() }

func (v version) compare(w version) int {
	return cmp.Or(
		cmp.Compare(v.major, w.major), cmp.Compare(v.minor, w.minor),
		cmp.Compare(v.patch, w.patch), cmp.Compare(v.candidate, w.candidate),
	)
}

// between returns what the checkout calls itself after this release: the lowest
// version that may come next, and "-dev", which comes before it.
func (v version) between() string {
	if v.candidate == final {
		v.patch++
	}
	v.candidate = final
	return v.String() + "-dev"
}
