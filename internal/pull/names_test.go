package pull

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
)

func TestNames(t *testing.T) {
	long := strings.Repeat("x", 250)
	for _, test := range []struct {
		name    string
		sockets []Socket
		want    []string
	}{
		{
			"unique",
			[]Socket{{"unix", "/run/haproxy/admin1.sock"}, {"tcp", "LB-1.example.com:9999"}, {"tcp", "[2001:DB8::1]:80"}},
			[]string{"admin1.sock", "lb-1.example.com:9999", "2001:db8::1:80"},
		},
		{
			"one base name",
			[]Socket{{"unix", "/run/a/s"}, {"unix", "/run/b/s"}, {"unix", "/run/b/t"}},
			[]string{"run_a_s", "run_b_s", "t"},
		},
		{
			"one path after replacement",
			[]Socket{{"unix", "/b_c/s"}, {"unix", "/b/c/s"}},
			[]string{"b_c_s.2", "b_c_s"},
		},
		{
			"the replacement is taken",
			[]Socket{{"unix", "/x/b_s"}, {"unix", "/b/s"}, {"unix", "/a/s"}},
			[]string{"b_s", "b_s.2", "a_s"},
		},
		{
			"a file named as a server",
			[]Socket{{"tcp", "lb:1"}, {"unix", "/run/lb:1"}},
			[]string{"lb:1", "run_lb:1"},
		},
		{"slash in a host", []Socket{{"tcp", "../../x:1"}}, []string{"_.._.._x:1"}},
		{"hidden", []Socket{{"unix", "/run/.s"}, {"unix", "/run/..s"}}, []string{"_.s", "_..s"}},
		{
			"long",
			[]Socket{{"tcp", long + ":1"}, {"tcp", long + ":2"}},
			[]string{long[:221] + "~74d5666c", long[:221] + "~77d56b25"},
		},
		{
			"not UTF-8",
			[]Socket{{"unix", "/run/\xffa\xfe"}, {"unix", "/run/\xe4"}, {"unix", "/run/\xf6"}, {"unix", "/x/" + long[:220] + "ää" + long}},
			[]string{"_a_", "run__", "run__.2", long[:220] + "_~c0b98ced"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := names(test.sockets); !slices.Equal(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

func FuzzNames(f *testing.F) {
	f.Add("..\n/run/.s\n/run/_.s")
	f.Add("/run/a/s\n/run/b/s\n/run/a_s\nlb:1\n[::1]:1\n::1:1")
	f.Add("/b_c/s\n/b/c/s\n/b_c_s\n/x/b_c_s\n/x/b_c_s.2")
	f.Add(strings.Repeat("y", 300) + ":1\n/" + strings.Repeat("y", 300))
	f.Fuzz(func(t *testing.T, lines string) {
		known := make(map[Socket]bool)
		var sockets []Socket
		for _, line := range strings.Split(lines, "\n") {
			s := Socket{"tcp", line}
			if strings.HasPrefix(line, "/") {
				s.Network = "unix"
			}
			if strings.Trim(line, "/") != "" && !known[s] {
				known[s] = true
				sockets = append(sockets, s)
			}
		}
		got := names(sockets)
		seen := make(map[string]bool)
		for i, name := range got {
			if seen[name] || name == "" || !fs.ValidPath(name) || strings.ContainsAny(name[:1], ".") || strings.Contains(name, "/") || len(name) > 250 {
				t.Errorf("%q is named %q", sockets[i], name)
			}
			seen[name] = true
		}
		slices.Reverse(sockets)
		slices.Reverse(got)
		if again := names(sockets); !slices.Equal(again, got) {
			t.Errorf("in another order the names are %q, not %q", again, got)
		}
	})
}
