package main

import (
	"os"
	"strings"
	"testing"
	"time"
)

var day = time.Date(2026, 11, 23, 1, 2, 3, 0, time.UTC)

func TestChangelog(t *testing.T) {
	const title = "# Changelog\n\nWhat it is.\n\n"
	for _, c := range []struct {
		name, text, released, opened string
	}{
		{
			name:     "the first",
			text:     title + "## Unreleased: 1.0.0\n\nNew.\n\n### Added\n- All.\n",
			released: title + "## 1.0.0 - 2026-11-23\n\nNew.\n\n### Added\n- All.\n",
			opened:   title + "## Unreleased\n\n## 1.0.0 - 2026-11-23\n\nNew.\n\n### Added\n- All.\n",
		},
		{
			name:     "a later one",
			text:     title + "## Unreleased\n- More.\n\n\n## 0.9.0 - 2026-01-01\n\n- Less.\n\n## 0.8.0 - 2025-01-01\n- Least.\n",
			released: title + "## 1.0.0 - 2026-11-23\n\n- More.\n\n## 0.9.0 - 2026-01-01\n\n- Less.\n\n## 0.8.0 - 2025-01-01\n- Least.\n",
			opened:   title + "## Unreleased\n\n## 1.0.0 - 2026-11-23\n\n- More.\n\n## 0.9.0 - 2026-01-01\n\n- Less.\n\n## 0.8.0 - 2025-01-01\n- Least.\n",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := parseChangelog(c.text)
			if err != nil {
				t.Fatal(err)
			}
			v := parsed(t, "1.0.0")
			if err := l.check(v); err != nil {
				t.Error(err)
			}
			released := l.released(v, day)
			if released != c.released {
				t.Errorf("released:\n%s\nwant:\n%s", released, c.released)
			}
			if got := opened(released); got != c.opened {
				t.Errorf("opened:\n%s\nwant:\n%s", got, c.opened)
			}
		})
	}
}

func TestChangelogRefused(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"no section", "# Changelog\n\n## 0.9.0\n- It.\n", `0 sections "## Unreleased", want one`},
		{"two sections", "## Unreleased\n- It.\n## Unreleased: 1.0.0\n- It.\n", `2 sections`},
		{"another word", "## Unreleased work\n- It.\n", `0 sections`},
		{"another version", "## Unreleased: 1.1.0\n- It.\n", "is meant for 1.1.0"},
		{"empty", "## Unreleased\n\n## 0.9.0\n- It.\n", "says nothing"},
		{"only headings", "## Unreleased\n### Added\n\n### Fixed\n", "says nothing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := parseChangelog(c.text)
			if err == nil {
				err = l.check(parsed(t, "1.0.0"))
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// TestOwnChangelog keeps the project's one releasable, but for what it says.
func TestOwnChangelog(t *testing.T) {
	text, err := os.ReadFile("../../" + changelogFile)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parseChangelog(string(text)); err != nil && strings.Contains(ownVersion(t), "-dev") {
		t.Error(err)
	}
}

func ownVersion(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../" + versionFile)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}
