package haproxy

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
)

// TestServerStatus has the texts of HAProxy 1.6 to 3.5, most of them recorded.
func TestServerStatus(t *testing.T) {
	for text, want := range map[string]struct {
		status ServerStatus
		health float64
	}{
		"UP":                        {ServerStatus{State: ServerUp}, 1},
		"UP 2/3":                    {ServerStatus{State: ServerUp, Going: -1, Have: 2, Of: 3}, 2.0 / 3},
		"UP 0/3":                    {ServerStatus{State: ServerUp, Going: -1, Of: 3}, 0},
		"UP -1/3":                   {ServerStatus{State: ServerUp, Going: -1, Have: -1, Of: 3}, 0},
		"UP 5/3":                    {ServerStatus{State: ServerUp, Going: -1, Have: 5, Of: 3}, 1},
		"DOWN":                      {ServerStatus{State: ServerDown}, 0},
		"DOWN 1/2":                  {ServerStatus{State: ServerDown, Going: 1, Have: 1, Of: 2}, 0.5},
		"DOWN (agent)":              {ServerStatus{State: ServerDown}, 0},
		"NOLB":                      {ServerStatus{State: ServerNOLB}, 1},
		"NOLB 3/4":                  {ServerStatus{State: ServerNOLB, Going: -1, Have: 3, Of: 4}, 0.75},
		"DRAIN":                     {ServerStatus{State: ServerDrain}, 1},
		"DRAIN 1/3":                 {ServerStatus{State: ServerDrain, Going: -1, Have: 1, Of: 3}, 1.0 / 3},
		"DRAIN (agent)":             {ServerStatus{State: ServerDrain}, 1},
		"MAINT":                     {ServerStatus{State: ServerMaint, Reason: MaintForced}, 1},
		"MAINT (via st_check/main)": {ServerStatus{State: ServerMaint, Reason: MaintTracked}, 1},
		"MAINT (resolution)":        {ServerStatus{State: ServerMaint, Reason: MaintResolution}, 1},
		"MAINT (something new)":     {ServerStatus{State: ServerMaint, Reason: MaintForced}, 1},
		"no check":                  {ServerStatus{State: ServerUp, NoCheck: true}, 1},
		"no check (new)":            {ServerStatus{State: ServerUp, NoCheck: true}, 1},
		"UP x/y":                    {ServerStatus{State: ServerUp}, 1},
		"UP 1/0":                    {ServerStatus{State: ServerUp}, 1},
		"UP 1/3 (new)":              {ServerStatus{State: ServerUp, Going: -1, Have: 1, Of: 3}, 1.0 / 3},
	} {
		got, err := ParseServerStatus(text)
		if err != nil || got != want.status || got.Health() != want.health {
			t.Errorf("%s: got %+v with health %v, %v, want %+v with %v", text, got, got.Health(), err, want.status, want.health)
		}
	}
	for _, text := range []string{"", "OPEN", "up", "no", "UPPER"} {
		if got, err := ParseServerStatus(text); !errors.Is(err, ErrStatus) {
			t.Errorf("%q: got %+v, %v, want ErrStatus", text, got, err)
		}
	}
}

func TestCheckStatus(t *testing.T) {
	for text, want := range map[string]struct {
		result  string
		running bool
	}{"L7OK": {"L7OK", false}, "* L7STS": {"L7STS", true}, "": {"", false}, "UNK": {"UNK", false}, "PROCOK": {"PROCOK", false}} {
		n, running, err := ParseCheckStatus(text)
		got := ""
		if n >= 0 {
			got = CheckResults[n]
		}
		if err != nil || got != want.result || running != want.running {
			t.Errorf("%q: got %q, %t, %v, want %q, %t", text, got, running, err, want.result, want.running)
		}
	}
	if n, _, err := ParseCheckStatus("L9OK"); n != -1 || !errors.Is(err, ErrStatus) {
		t.Errorf("got %d, %v, want ErrStatus", n, err)
	}
}

// TestServersState reads the answer of a real HAProxy.
func TestServersState(t *testing.T) {
	text, err := os.ReadFile("testdata/servers_state")
	if err != nil {
		t.Fatal(err)
	}
	all, err := ReadServersState(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]MaintReason)
	for _, s := range all {
		got[s.Backend+"/"+s.Server] = s.Reason
	}
	for name, want := range map[string]MaintReason{
		"app/a1": NotInMaint, "st_check/maint": MaintConfigured, "st_check/forced": MaintForced, "st_check/track": MaintTracked,
		"st_dns/unresolved": MaintResolution, "st_check/drain": NotInMaint, "st_check/down": NotInMaint,
	} {
		if reason, ok := got[name]; !ok || reason != want {
			t.Errorf("%s: got %v, %t, want %v", name, reason, ok, want)
		}
	}
	for name, c := range map[string]struct {
		text string
		want error
	}{
		"cut":            {string(text[:len(text)-3]), ErrTruncated},
		"another header": {"1\n# be_id srv_id\n\n", ErrNoHeader},
		"nothing":        {"", ErrTruncated},
	} {
		if _, err := ReadServersState(strings.NewReader(c.text)); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	short, err := ReadServersState(strings.NewReader("1\n# be_name srv_name srv_admin_state\na b\na b x\na b 1\n\n"))
	if err != nil || len(short) != 1 {
		t.Errorf("got %+v, %v, want the one good line", short, err)
	}
}

func FuzzServersState(f *testing.F) {
	f.Add([]byte("1\n# be_name srv_name srv_admin_state\na b 1\n\n"), "UP 1/3")
	f.Fuzz(func(t *testing.T, text []byte, status string) {
		_, _ = ReadServersState(bytes.NewReader(text))
		s, err := ParseServerStatus(status)
		if h := s.Health(); err == nil && (h < 0 || h > 1) {
			t.Errorf("%q: got health %v", status, h)
		}
	})
}
