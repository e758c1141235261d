package doctor

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

var report = Report{
	about{"socket-access", "/run/a.sock"}.ok("may connect"),
	about{"names", ""}.warning("two names\nmeet \x1b[31m\u009b0m\u2028\u202e\u200b", "rename <one>"),
	about{"clock", ""}.skipped("not known"),
}

func TestText(t *testing.T) {
	const want = "ok       socket-access /run/a.sock: may connect\n" +
		"warning  names         two names meet  [31m 0m   \n" +
		"         rename <one>\n" +
		"skipped  clock         not known\n" +
		"1 ok, 1 warning, 0 errors, 1 skipped\n"
	var out strings.Builder
	if err := report.WriteText(&out); err != nil || out.String() != want {
		t.Errorf("got\n%swant\n%s%v", &out, want, err)
	}
	if err := report.WriteText(broken{}); err == nil {
		t.Error("an output that can't be written is no error")
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("broken") }

func TestJSON(t *testing.T) {
	var out bytes.Buffer
	if err := report.WriteJSON(&out); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Verdict  string
		Warnings int
		Findings []map[string]string
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Verdict != "warning" || got.Warnings != 1 || len(got.Findings) != 3 || got.Findings[1]["remedy"] != "rename <one>" {
		t.Errorf("%+v", got)
	}
	if _, there := got.Findings[0]["remedy"]; there {
		t.Error("a remedy that is none")
	}
}

func TestVerdict(t *testing.T) {
	worse := append(report, about{"x", ""}.error("broken", "mend"))
	if report[:1].Verdict() != OK || report.Verdict() != Warning || worse.Verdict() != Error || (Report{report[2]}).Verdict() != OK {
		t.Error("wrong verdicts")
	}
}
