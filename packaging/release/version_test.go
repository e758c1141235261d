package main

import (
	"slices"
	"strings"
	"testing"
)

func TestParseVersion(t *testing.T) {
	for _, text := range []string{"0.0.1", "1.0.0", "1.20.3", "10.0.0-rc.12"} {
		v, err := parseVersion(text)
		if err != nil || v.String() != text || v.tag() != "v"+text {
			t.Errorf("%q is read as %v, %v", text, v, err)
		}
	}
	for _, text := range []string{
		"", "1", "1.0", "v1.0.0", "1.0.0.0", "01.0.0", "1.0.0-", "1.0.0-dev", "1.0.0-rc", "1.0.0-rc.0", "1.0.0-rc.01",
		"1.0.0+build", "1.0.0 ", "1.0.0\n", "-1.0.0", "1.0.1000000000", "1.0.x",
	} {
		if v, err := parseVersion(text); err == nil || !strings.Contains(err.Error(), "VERSION="+text+": expected MAJOR.MINOR.PATCH") {
			t.Errorf("%q is read as %v, %v", text, v, err)
		}
	}
}

func TestOrder(t *testing.T) {
	want := []string{"0.9.10", "1.0.0-rc.2", "1.0.0-rc.10", "1.0.0", "1.0.1-rc.1", "1.0.1", "1.0.2", "1.0.10", "1.1.0", "2.0.0-rc.1", "2.0.0"}
	got := make([]version, len(want))
	for i, text := range want {
		got[len(want)-1-i] = parsed(t, text)
	}
	slices.SortFunc(got, version.compare)
	for i, v := range got {
		if v.String() != want[i] {
			t.Fatalf("order %v, want %v", got, want)
		}
	}
}

func TestBetween(t *testing.T) {
	for released, want := range map[string]string{"1.0.0": "1.0.1-dev", "1.2.9": "1.2.10-dev", "2.0.0-rc.1": "2.0.0-dev"} {
		if got := parsed(t, released).between(); got != want {
			t.Errorf("after %s comes %s, want %s", released, got, want)
		}
	}
}

func parsed(t *testing.T, text string) version {
	t.Helper()
	v, err := parseVersion(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
