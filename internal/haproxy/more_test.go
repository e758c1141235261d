package haproxy_test

import (
	"bytes"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"haproxystats/internal/haproxy"
)

const (
	shortInfo = "Name: HAProxy\nVersion: 3.0.0\nPid: 7\n\n"
	shortStat = "# pxname,svname,scur,type,\nwww,FRONTEND,1,0,\n\n"
	twoTables = "# table: st, type: ip, size:102400, used:3\n# table: peers/x, type: string, size:10, used:0, write_to:y\n"
)

// scripted answers each connection with what it is told, and then closes it, or stays
// silent if hang is set.
func scripted(t *testing.T, answer string, hang bool) (path string, asked chan string) {
	t.Helper()
	path, asked = filepath.Join(t.TempDir(), "s"), make(chan string, 4)
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { close(done); l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				line := make([]byte, 4096)
				n, _ := conn.Read(line)
				asked <- string(line[:n])
				_, _ = conn.Write([]byte(answer))
				if hang {
					<-done
				}
			}()
		}
	}()
	return path, asked
}

// TestFetchMore: further answers come in the same connection, and whatever is wrong with
// them costs the two replies nothing.
func TestFetchMore(t *testing.T) {
	commands := []string{"show table", "show ssl cert", "show info typed"}
	for _, c := range []struct {
		name, more string
		hang       bool
		want       []string
		failed     string
	}{
		{"all", twoTables + "\n# filename\n/a.pem\n\n0.Name.1:POS:str:a\n\nb\n\n", false, []string{twoTables, "# filename\n/a.pem\n", "0.Name.1:POS:str:a\n\nb\n\n"}, ""},
		{"empty ones", "\n\n\n", false, []string{"", "", "\n"}, ""},
		{"a refusal", "Permission denied\n\n\n\n", false, []string{"Permission denied\n", "", "\n"}, ""},
		{"none", "", false, nil, "0 of 3 commands"},
		{"too few", twoTables + "\n\n", false, nil, "2 of 3 commands"},
		{"cut off", twoTables, false, nil, "0 of 3 commands"},
		{"silence", twoTables + "\n", true, nil, "time-out"},
		{"too long", strings.Repeat("x", haproxy.MaxMore+1), false, nil, "exceed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path, asked := scripted(t, shortInfo+shortStat+c.more, c.hang)
			var client haproxy.Client
			var info, stat bytes.Buffer
			answers, failed, err := client.FetchMore(t.Context(), "unix", path, &info, &stat, commands)
			if err != nil || info.String() != shortInfo || stat.String() != shortStat {
				t.Fatalf("got %v, %q and %q, want both replies", err, &info, &stat)
			}
			if got, want := <-asked, "show info;show stat;show table;show ssl cert;show info typed\n"; got != want {
				t.Errorf("got the line %q, want %q", got, want)
			}
			var texts []string
			for _, a := range answers {
				texts = append(texts, string(a))
			}
			if diff := cmp.Diff(c.want, texts); diff != "" {
				t.Errorf("answers (-want +got):\n%s", diff)
			}
			if c.failed == "" && failed != nil || c.failed != "" && (failed == nil || !strings.Contains(failed.Error(), c.failed)) {
				t.Errorf("got the fault %v, want %q", failed, c.failed)
			}
		})
	}
}

// TestFetchMoreOfOne: a socket that answers one command for each connection still gives its
// replies, and a missing reply is an error of its own.
func TestFetchMoreOfOne(t *testing.T) {
	path, _ := scripted(t, shortInfo, false)
	var client haproxy.Client
	var info, stat bytes.Buffer
	if _, _, err := client.FetchMore(t.Context(), "unix", path, &info, &stat, []string{"show table"}); err == nil {
		t.Error("got no error, want one: there is no reply to show stat")
	}
	path, _ = scripted(t, shortInfo+shortStat, false)
	info.Reset()
	stat.Reset()
	if answers, failed, err := client.FetchMore(t.Context(), "unix", path, &info, &stat, nil); answers != nil || failed != nil || err != nil {
		t.Errorf("got %q, %v, %v without further commands, want nothing", answers, failed, err)
	}
}

func TestReadCollected(t *testing.T) {
	tables := []haproxy.StickTable{{"st", "ip", 102400, 3}, {"peers/x", "string", 10, 0}}
	if diff := cmp.Diff(tables, haproxy.ReadStickTables([]byte(twoTables+"# table: bad, type: ip, size:x, used:1\njunk\n"))); diff != "" {
		t.Errorf("stick tables (-want +got):\n%s", diff)
	}
	servers := []haproxy.NameServer{{"dns", "a", []string{"sent", "valid"}, []int64{5, 4}}, {"default", "10.0.0.1", []string{"sent"}, []int64{0}}}
	if diff := cmp.Diff(servers, haproxy.ReadNameServers([]byte("# id,pid,sent,valid,\na,dns,5,4,\n10.0.0.1,default,0,x,\nshort,1\n\n"))); diff != "" {
		t.Errorf("name servers (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"/a.pem", "b"}, haproxy.ReadCertificateNames([]byte("# transaction\n*/a.pem\n# filename\n/a.pem\nb\n"))); diff != "" {
		t.Errorf("names of certificates (-want +got):\n%s", diff)
	}
	end := time.Date(2027, 2, 3, 4, 5, 6, 0, time.UTC)
	said := "Filename: /a.pem\nStatus: Used\nnotBefore: Jan  1 00:00:00 2026 GMT\nnotAfter: Feb  3 04:05:06 2027 GMT\nSubject: /CN=a: b\nIssuer: /CN=x\nChain Subject: /CN=y\n"
	got := haproxy.ReadCertificates([]byte(said + "\nFilename: none\nSubject: x\n"))
	if len(got) != 1 || got[0].Name != "/a.pem" || !got[0].NotAfter.Equal(end) || got[0].Subject != "/CN=a: b" {
		t.Fatalf("got %+v, want /a.pem until %v", got, end)
	}
	again := haproxy.ReadCertificates(haproxy.AppendCertificate(nil, got[0]))
	if len(again) != 1 || again[0] != got[0] && !again[0].NotAfter.Equal(end) {
		t.Errorf("got %+v from what was written of %+v", again, got)
	}
}

func TestReadTyped(t *testing.T) {
	text := "# HAProxy 3.5-dev5\n" +
		"0.Name.1:POS:str:HAProxy:\"Product name\"\n" +
		"47.Unstoppable Jobs.1:MGP:u32:0:\"Jobs: that stay\"\n" +
		"S.2.1.7.stot.1:MCPP:u64:5:\"Total\"\nF.3.0.99.h3_data.1:MCP:u64:0\n" +
		"a description of several lines\nS.2.x.7.stot.1:MCP:u64:5\n7.x:MCP:u64:5\n8.y.1:MC:u64:5\n9.z.1:MCP:u16:5\nF.1.2.3:MCP:u32:1\n"
	want := []haproxy.Typed{
		{0, "Name", 'P', 'O', 'S', "str", ""},
		{0, "Unstoppable Jobs", 'M', 'G', 'P', "u32", "Jobs: that stay"},
		{'S', "stot", 'M', 'C', 'P', "u64", "Total"},
		{'F', "h3_data", 'M', 'C', 'P', "u64", ""},
	}
	if diff := cmp.Diff(want, haproxy.ReadTyped([]byte(text))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := haproxy.VersionOfTyped([]byte(text)); got != "3.5-dev5" {
		t.Errorf("got the version %q, want 3.5-dev5", got)
	}
	if got := haproxy.VersionOfTyped([]byte("S.2.1.7.stot.1:MCPP:u64:5\n")); got != "" {
		t.Errorf("got the version %q of a file without one", got)
	}
}

// FuzzReadCollected: whatever a socket says, the readers take only what has the form.
func FuzzReadCollected(f *testing.F) {
	f.Add([]byte(twoTables))
	f.Add([]byte("S.2.1.7.stot.1:MCPP:u64:5:\"Total\"\n"))
	f.Add([]byte("# id,pid,sent,\na,dns,1,\n"))
	f.Add([]byte("Filename: a\nnotAfter: Feb  3 04:05:06 2027 GMT\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, s := range haproxy.ReadNameServers(text) {
			if s.Name == "" || len(s.Fields) != len(s.Values) {
				t.Errorf("got %+v", s)
			}
		}
		for _, s := range haproxy.ReadStickTables(text) {
			if s.Name == "" {
				t.Errorf("got %+v", s)
			}
		}
		haproxy.ReadTyped(text)
		for _, c := range haproxy.ReadCertificates(text) {
			if c.Name == "" || c.NotAfter.IsZero() {
				t.Errorf("got %+v", c)
			}
		}
	})
}
