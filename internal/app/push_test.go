package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"haproxystats/internal/config"
)

func TestInfluxURL(t *testing.T) {
	for want, i := range map[string]config.Influx{
		"http://a:8086/write?db=d+b&precision=s":                                                {URL: "http://a:8086", Version: 1, Database: "d b"},
		"http://a/x/write?db=d&precision=s&rp=r":                                                {URL: "http://a/x/", Version: 1, Database: "d", RetentionPolicy: "r", Org: "o"},
		"https://a/api/v2/write?bucket=b&org=o&precision=s":                                     {URL: "https://a", Version: 2, Database: "d", Org: "o", Bucket: "b"},
		"https://a/api/v3/write_lp?accept_partial=true&db=d%26e&no_sync=false&precision=second": {URL: "https://a/", Version: 3, Database: "d&e"},
	} {
		if got := influxURL(i); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// TestPushedFiles: files that can't be used are refused, each by the section that names it,
// and so are sections whose self metrics would have the same names.
func TestPushedFiles(t *testing.T) {
	open := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(open, []byte("hush"), 0o644); err != nil {
		t.Fatal(err)
	}
	c := &config.Config{Influxes: config.Named[config.Influx]{
		{Options: config.Influx{Push: config.Push{TokenFile: open}}},
		{Name: "a-b", Options: config.Influx{Push: config.Push{User: "u", PasswordFile: "/no/such", CertFile: "/c"}}},
		{Name: "a_b", Options: config.Influx{Push: config.Push{CAFile: "/no/ca"}}},
	}}
	want := []string{"influx token-file every user", "influx:a-b password-file no such", "influx:a_b ca-file no such"}
	got := checkPushed(c)
	if len(got) != len(want) {
		t.Fatalf("got %v, want %q", got, want)
	}
	for i, p := range got {
		text := p.Section + " " + p.Option + " " + p.Reason
		if !strings.HasPrefix(text, want[i][:strings.LastIndex(want[i], " ")]) || strings.Contains(text, "hush") {
			t.Errorf("got %q, want %q", text, want[i])
		}
	}
	c = &config.Config{Influxes: config.Named[config.Influx]{{Name: "a-b"}, {Name: "a_b"}, {Name: "c"}}}
	if got := checkPushNames(c); len(got) != 1 || got[0].Section != "influx:a_b" || !strings.Contains(got[0].Reason, "[influx:a-b]") {
		t.Errorf("got %v, want one about [influx:a_b]", got)
	}
}
