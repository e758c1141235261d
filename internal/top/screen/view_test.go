package screen

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"haproxystats/internal/haproxysim"
	"haproxystats/internal/snapshot"
	"haproxystats/internal/top"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

// nowhere is a source without rounds.
type nowhere struct{}

func (nowhere) Next(context.Context) (*top.Round, error) { return nil, errors.New("no rounds") }
func (nowhere) Names() string                            { return "/run/haproxy" }

var begin = time.Date(2026, 11, 30, 10, 20, 0, 0, time.Local)

// viewOf returns a view with a round of these files.
func viewOf(t testing.TB, files ...map[string][]byte) *view {
	t.Helper()
	return viewOfRound(t, nil, files...)
}

// viewOfRound is viewOf with what is known of each round.
func viewOfRound(t testing.TB, r *snapshot.Round, files ...map[string][]byte) *view {
	t.Helper()
	v := newView(top.ShowOptions{Source: nowhere{}, Kinds: top.Kinds(), Query: top.Query{Key: top.ByMetric(top.Requests)}})
	v.now = func() time.Time { return begin.Add(time.Minute) }
	reader := top.NewReader()
	for i, f := range files {
		at := begin.Add(time.Duration(2*i) * time.Second)
		n, err := reader.Read(&top.Round{At: at, Snapshot: snapshot.Snapshot{Epoch: at.Unix(), Round: r, Files: snapshot.Memory(f)}})
		if err != nil {
			t.Fatal(err)
		}
		v.take(n, nil)
	}
	return v
}

// replies returns what a process says that has handled n requests.
func replies(n int) map[string][]byte {
	stat := "# pxname,svname,qcur,scur,slim,stot,bin,bout,ereq,econ,eresp,status,weight,act,lastchg,type,check_status,check_duration,hrsp_4xx,hrsp_5xx,req_tot,lbtot,rtime,ttime,mode,last_chk,check_desc,\n"
	stat += fmt.Sprintf("web,FRONTEND,,12,200,%d,%d,%d,%d,,,OPEN,,,,0,,,%d,%d,%d,,,,http,,,\n", n, 300*n, 9000*n, n/100, n/20, n/100, n)
	for i := 1; i <= 9; i++ {
		status, check, last := "UP", "L7OK", "HTTP status check returned code <3C>200<3E>"
		if i == 3 {
			status, check, last = "DOWN", "L4CON", "Connection refused"
		}
		stat += fmt.Sprintf("shop,srv%d,0,%d,,%d,%d,%d,,%d,0,%s,1,1,%d,2,%s,2,0,%d,%d,1,%d,%d,http,%s,Layer check,\n", i, i, i*n, n, n, n/50, status, 60*i, check, n/100, i*n, 10*i, 20*i, last)
	}
	stat += fmt.Sprintf("shop,BACKEND,2,12,20,%d,%d,%d,,%d,0,UP,8,8,600,1,,,%d,%d,%d,1,35,60,http,,,\n", n, 300*n, 9000*n, n/50, n/20, n/100, n)
	stat += "日本\x1b[2J,BACKEND,0,0,20,0,0,0,,0,0,DOWN,0,0,5,1,,,0,0,0,0,,,http,,,\n\n"
	info := fmt.Sprintf("Name: HAProxy\nVersion: 2.6.12-1+deb12u1\nPid: 4711\nProcess_num: 1\nStart_time_sec: 1000\nUptime_sec: %d\nMaxconn: 2000\nCurrConns: 12\nCumReq: %d\nCumConns: %d\nIdle_pct: 93\n\n", 5000+n, n, n/2)
	return map[string][]byte{"haproxy.sock_info": []byte(info), "haproxy.sock_stat": []byte(stat)}
}

// rounds returns the rounds of some seconds.
func rounds() []map[string][]byte {
	var all []map[string][]byte
	n := 1000
	for _, more := range []int{0, 100, 400, 800, 200, 600} {
		n += more
		all = append(all, replies(n))
	}
	return all
}

func keys(v *view, keys ...any) {
	for _, k := range keys {
		switch k := k.(type) {
		case string:
			v.press(key{name: k})
		case rune:
			v.press(key{char: k})
		}
	}
}

// picture draws a view.
func picture(v *view, width, height int) string {
	c := newCanvas(width, height)
	v.draw(c)
	return c.String()
}

// TestServersNotCollected shows that servers are not collected, and no number of them.
func TestServersNotCollected(t *testing.T) {
	files := replies(1000)
	files["haproxy.sock_stat"] = haproxysim.ProxiesOf(files["haproxy.sock_stat"])
	const why = "not collected (server-rows = false in [pull])"
	for _, c := range []struct {
		name string
		keys []any
		want []string
	}{
		{"overview", []any{'1'}, []string{"servers not collected", "SERVERS " + why}},
		{"servers", []any{'5'}, []string{"Servers are " + why}},
		{"servers that need attention", []any{'5', '!'}, []string{"Servers are " + why}},
		{"a backend", []any{'4', "enter"}, []string{"SERVERS " + why, "shop "}},
	} {
		v := viewOfRound(t, &snapshot.Round{ProxiesOnly: true}, files)
		keys(v, c.keys...)
		got := picture(v, 120, 30)
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: got no %q in\n%s", c.name, want, got)
			}
		}
		for _, wrong := range []string{"servers 0", "SERVERS 0", "0/0", "NaN", "HAProxy has none"} {
			if strings.Contains(got, wrong) {
				t.Errorf("%s: got %q in\n%s", c.name, wrong, got)
			}
		}
	}
}

// TestScreens compares screens with files.
func TestScreens(t *testing.T) {
	for _, c := range []struct {
		name          string
		width, height int
		keys          []any
	}{
		{"overview-80x24", 80, 24, nil},
		{"overview-200x50", 200, 50, nil},
		{"overview-20x10", 20, 10, nil},
		{"overview-20x5", 20, 5, nil},
		{"servers-120x16", 120, 16, []any{'5'}},
		{"servers-by-name-80x12", 80, 12, []any{'5', 'k', '<', '<', '<'}},
		{"backend-100x20", 100, 20, []any{'4', keyEnter}},
		{"facts-80x24", 80, 24, []any{'5', '/', 's', 'r', 'v', '3', keyEnter, keyEnter}},
		{"filter-80x12", 80, 12, []any{'/', 'S', 'R', 'V'}},
		{"nothing-80x12", 80, 12, []any{'/', 'x', 'y', keyEnter}},
		{"problems-80x16", 80, 16, []any{'!'}},
		{"help-80x24", 80, 24, []any{'?'}},
		{"paused-80x12", 80, 12, []any{' '}},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := viewOf(t, rounds()...)
			picture(v, c.width, c.height) // a key works on what is shown
			for _, k := range c.keys {
				keys(v, k)
				picture(v, c.width, c.height)
			}
			got := picture(v, c.width, c.height)
			golden(t, c.name+".txt", got)
			if strings.ContainsAny(got, "\x1b\x00") {
				t.Error("a name controls the terminal")
			}
		})
	}
}

// TestSizes: every page can be drawn at every size.
func TestSizes(t *testing.T) {
	v := viewOf(t, rounds()...)
	for _, press := range [][]any{nil, {'5'}, {keyEnter}, {keyEscape, '4', keyEnter}, {'?'}, {'x', '/', 'q'}} {
		keys(v, press...)
		for width := range 90 {
			for height := range 30 {
				c := newCanvas(width, height)
				v.draw(c)
				for y := range height {
					n := 0
					for _, cell := range c.cells[y*width : (y+1)*width] {
						n += top.Width(cell.text)
					}
					if n != width {
						t.Fatalf("%dx%d: line %d takes %d", width, height, y, n)
					}
				}
			}
		}
	}
	if v.query.Filter != "q" || v.quit {
		t.Errorf("filter %q, quit %v: want the key q in the filter", v.query.Filter, v.quit)
	}
}

// TestCursor: the cursor stays on its row when the order changes, and goes to all rows.
func TestCursor(t *testing.T) {
	v := viewOf(t, rounds()...)
	keys(v, '5')
	picture(v, 80, 10)
	under := func() string {
		v.refresh()
		return v.items[v.cursor()].row.Name
	}
	if got := under(); got != "srv9" {
		t.Errorf("at first: got %s, want the busiest", got)
	}
	keys(v, keyDown, keyDown)
	if got := under(); got != "srv7" {
		t.Errorf("two down: got %s, want srv7", got)
	}
	keys(v, 'r')
	if got := under(); got != "srv7" {
		t.Errorf("reversed: got %s, want srv7 still", got)
	}
	keys(v, keyEnd)
	if got := under(); got != "srv9" {
		t.Errorf("end: got %s, want srv9", got)
	}
	if got := picture(v, 80, 10); !strings.Contains(got, "srv9") {
		t.Errorf("the row under the cursor is not shown:\n%s", got)
	}
	keys(v, keyHome)
	if got := under(); got != "srv1" {
		t.Errorf("home: got %s, want srv1", got)
	}
	for range 20 {
		keys(v, keyPageDown)
	}
	if got := under(); got != "srv9" {
		t.Errorf("page down: got %s, want the last", got)
	}
}

// TestPages: Enter goes into a backend and a server, and Escape back to the same place.
func TestPages(t *testing.T) {
	v := viewOf(t, rounds()...)
	picture(v, 80, 24)
	keys(v, '4')
	v.refresh()
	keys(v, keyEnter, keyDown, keyDown, keyEnter)
	if p := v.page(); !p.facts || p.of != (identity{top.Server, "shop", "srv8"}) {
		t.Errorf("got %+v, want the facts of srv8", *p)
	}
	keys(v, keyEnter) // there is nothing more
	keys(v, keyEscape)
	if v.refresh(); v.items[v.cursor()].row.Name != "srv8" {
		t.Error("back in the backend, the cursor is elsewhere")
	}
	keys(v, keyEscape, keyEscape)
	if len(v.pages) != 1 || v.page().kinds[0] != top.Backend {
		t.Errorf("got %+v, want the backends", v.pages)
	}
	keys(v, keyTab)
	if v.page().kinds[0] != top.Server {
		t.Error("Tab: want servers")
	}
	keys(v, keyTab)
	if len(v.page().kinds) != 4 {
		t.Error("Tab: want the overview")
	}
	keys(v, keyBackTab)
	if v.page().kinds[0] != top.Server {
		t.Error("Shift-Tab: want servers")
	}
}

func TestFilterKeys(t *testing.T) {
	v := viewOf(t, rounds()...)
	picture(v, 80, 24)
	keys(v, '/', 's', 'r', 'v', 'é', keyBack)
	if v.query.Filter != "srv" || !v.typing {
		t.Errorf("got %q, want srv", v.query.Filter)
	}
	keys(v, keyEnter, '/', 'x', keyEscape)
	if v.query.Filter != "srv" || v.typing {
		t.Errorf("after Escape: got %q, want the filter before", v.query.Filter)
	}
	keys(v, keyEscape)
	if v.query.Filter != "" {
		t.Errorf("got %q, want none", v.query.Filter)
	}
	keys(v, '/', 'a', keyClear, keyBack)
	if v.typing {
		t.Error("backspace in an empty filter: want the end of typing")
	}
}

// TestTrouble: what is wrong is shown over the last rows, with what to do and for how long.
func TestTrouble(t *testing.T) {
	v := viewOf(t, rounds()...)
	now := begin
	v.now = func() time.Time { return now }
	v.take(nil, &top.Problem{Err: errors.New("/run/haproxy/a.sock: permission denied"), Hint: "Run it as the user haproxystats"})
	now = now.Add(75 * time.Second)
	golden(t, "trouble-80x16.txt", picture(v, 80, 16))
	golden(t, "trouble-20x6.txt", picture(v, 20, 6))
	none := newView(top.ShowOptions{Source: nowhere{}, Kinds: top.Kinds()})
	if got := picture(none, 80, 10); !strings.Contains(got, "Waiting for /run/haproxy") {
		t.Errorf("before the first round: got\n%s", got)
	}
	none.now = v.now
	none.take(nil, errors.New("no socket found"))
	if got := picture(none, 80, 10); !strings.Contains(got, "no socket found") {
		t.Errorf("no first round: got\n%s", got)
	}
	v.take(nil, errors.New("still"))
	if v.trouble.Error() != "still" || v.now().Sub(v.since) != 75*time.Second {
		t.Error("the trouble of a later round: want its text, and the time of the first")
	}
}

// TestReloadIsTold: the screen says why there are no rates.
func TestReloadIsTold(t *testing.T) {
	later := replies(50)
	later["haproxy.sock_info"] = []byte(strings.ReplaceAll(string(later["haproxy.sock_info"]), "Pid: 4711", "Pid: 4712"))
	v := viewOf(t, replies(1000), replies(1100), later)
	if got := picture(v, 80, 24); !strings.Contains(got, "reload or restart at haproxy.sock") {
		t.Errorf("got\n%s", got)
	}
}

func TestSortKeys(t *testing.T) {
	v := viewOf(t, rounds()...)
	keys(v, '5')
	picture(v, 200, 50)
	seen := make(map[top.Key]bool)
	for range 30 {
		seen[v.query.Key] = true
		keys(v, '>')
	}
	sorts := 0
	for _, c := range v.shown {
		if c.Sorts {
			sorts++
		}
	}
	if len(seen) != sorts {
		t.Errorf("got %d keys, want all %d of the columns", len(seen), sorts)
	}
}

func TestQuit(t *testing.T) {
	for _, k := range []any{'q', keyInterrupt} {
		v := viewOf(t, rounds()...)
		keys(v, k)
		if !v.quit {
			t.Errorf("%v does not quit", k)
		}
	}
	v := viewOf(t, rounds()...)
	keys(v, '/', keyInterrupt)
	if !v.quit {
		t.Error("Ctrl-C does not quit while the filter is typed")
	}
	v = viewOf(t, rounds()...)
	keys(v, '?', 'q', keyStop)
	if !v.quit || !v.stopIt {
		t.Error("q in the help does not quit, or Ctrl-Z does not stop")
	}
}

// TestCountsAreWhole: on a narrow terminal the worst states are counted first, and no number
// is cut.
func TestCountsAreWhole(t *testing.T) {
	v := viewOf(t, rounds()...)
	const all = "frontends 1: 1 UP  backends 2: 1 DOWN 1 UP  servers 9: 1 DOWN 8 UP"
	for width := 20; width <= 80; width++ {
		got := strings.Split(picture(v, width, 24), "\n")[2]
		begin, cut := strings.CutSuffix(got, "…")
		rest, ok := strings.CutPrefix(all, begin)
		if !ok || cut != (rest != "") || rest != "" && !strings.HasPrefix(rest, " ") && !strings.HasSuffix(begin, "  ") {
			t.Errorf("%d columns: got %q, want whole parts of %q", width, got, all)
		}
	}
}
