package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestRulesAreTold compares the table of docs/dashboards.md with the thresholds of
// the rules, which are the same in all files of contrib/alerts.
func TestRulesAreTold(t *testing.T) {
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	// What is counted warns from 1 on, which is above a half.
	words := map[string]string{"": "1000000000000", "yes": "0.5", "1": "0.5", "any": "0.01", "below all": "99.9"}
	threshold := func(cell string) string {
		if w, ok := words[cell]; ok {
			return w
		}
		return strings.Trim(cell, "below% s")
	}
	_, table, _ := strings.Cut(read("docs/dashboards.md"), "\n| rule |")
	table, _, _ = strings.Cut(table, "\n\n")
	rows := regexp.MustCompile(`(?m)^\| ([a-z-]+) \| [^|]+ \| ([^|]*?) ?\| ([^|]*?) ?\|$`).FindAllStringSubmatch(table, -1)
	rules := regexp.MustCompile(`(?s)apply Service "haproxy-([^"]+)".*?_warning = (\S+)\n.*?_critical = (\S+)\n`).
		FindAllStringSubmatch(read("contrib/alerts/icinga2.conf"), -1)
	if len(rows) != len(rules) || len(rows) == 0 {
		t.Fatalf("%d rows for %d rules", len(rows), len(rules))
	}
	for i, row := range rows {
		name, warning, critical := rules[i][1], rules[i][2], rules[i][3]
		onlyCritical := row[2] == "" && warning == critical
		if row[1] != name || threshold(row[2]) != warning && !onlyCritical || threshold(row[3]) != critical {
			t.Errorf("the document says %q of %s with %s and %s", row[1:], name, warning, critical)
		}
	}
}
