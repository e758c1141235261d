package haproxy

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"slices"
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
		"no version":     {"\n\n", ErrNoHeader},
		"no header":      {"1\n\n", ErrNoHeader},
		"another text":   {"Unknown command. Please enter one of the following commands only :\n  show stat\n\n", errText},
		"a long line":    {"1\n" + strings.Repeat("#", maxServerLine+1) + "\n\n", bufio.ErrBufferFull},
	} {
		_, err := ReadServersState(strings.NewReader(c.text))
		if errors.As(err, new(*TextError)) {
			err = errText
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	short, err := ReadServersState(strings.NewReader("1\n# be_name srv_name srv_admin_state\na b\na b x\na b 1\n\n"))
	if err != nil || len(short) != 1 {
		t.Errorf("got %+v, %v, want the one good line", short, err)
	}
}

var errText = errors.New("a text")

// TestMaintained asks over a connection that stays open, and over a new one.
func TestMaintained(t *testing.T) {
	const state = "1\n# be_name srv_name srv_admin_state\napp a1 0\napp a2 5\n\n"
	want := []ServerAdmin{{"app", "a2", MaintConfigured}}
	for _, prompt := range []string{"> ", ""} {
		info := strings.Replace(heldInfo, "description: a\n\nb\n", "", 1)
		path := interactive(t, prompt, map[string]string{"prompt i": "\n", "show info": info, "show stat": heldStat, showServersState: state})
		h, err := new(Client).Hold(within(t), "unix", path)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if got, err := h.Maintained(within(t)); err != nil || !slices.Equal(got, want) {
				t.Fatalf("prompt %q: got %v, %v, want %v", prompt, got, err, want)
			}
			if got, err := h.Look(within(t)); err != nil || string(got) != info {
				t.Fatalf("prompt %q: got %q, %v behind the answer, want %q", prompt, got, err, info)
			}
		}
		h.Close()
		if got, err := new(Client).Maintained(within(t), "unix", path); err != nil || !slices.Equal(got, want) {
			t.Errorf("got %v, %v, want %v", got, err, want)
		}
	}
	path := interactive(t, "", map[string]string{showServersState: "Unknown command: 'show servers state'\n\n"})
	if _, err := new(Client).Maintained(within(t), "unix", path); !errors.As(err, new(*TextError)) {
		t.Errorf("got %v, want the text that was answered", err)
	}
}

func TestAppendServersState(t *testing.T) {
	want := []ServerAdmin{{"a", "f", MaintForced}, {"a", "t", MaintTracked}, {"b", "c", MaintConfigured}, {"b", "r", MaintResolution}, {"b", "n", NotInMaint}}
	got, err := ReadServersState(bytes.NewReader(AppendServersState(nil, want)))
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
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
