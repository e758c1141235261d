package dashboard

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// linked is a dashboard as far as links are concerned.
type linked struct {
	Templating struct{ List []struct{ Name string } }
	Panels     []struct {
		Title, Type string
		Links       []struct{ URL string }
		FieldConfig struct {
			Defaults struct{ Links []struct{ URL string } }
		}
	}
}

// TestLinks checks that every link of a dashboard leads to one that is there, with variables
// that it has and values that this one knows, and that the panels of what has a dashboard of
// its own lead there.
func TestLinks(t *testing.T) {
	graphite, prometheus := bothDashboards(t)
	for mark, files := range map[string]map[string][]byte{"haproxystats-": graphite, "haproxystats-prometheus-": prometheus} {
		all := make(map[string]linked)
		variables := make(map[string][]string)
		for file, text := range files {
			var d linked
			if err := json.Unmarshal(text, &d); err != nil {
				t.Fatal(err)
			}
			name := strings.TrimSuffix(file, ".json")
			all[name] = d
			for _, v := range d.Templating.List {
				variables[name] = append(variables[name], v.Name)
			}
		}
		for name, d := range all {
			for _, p := range d.Panels {
				var urls []string
				for _, l := range slices.Concat(p.Links, p.FieldConfig.Defaults.Links) {
					urls = append(urls, l.URL)
				}
				for _, url := range urls {
					checkLink(t, mark+name+": "+p.Title, url, mark, variables[name], variables)
				}
			}
		}
		// What the first screen has of a backend, a server, a frontend or a host leads there.
		leads := make(map[string]string)
		for _, p := range all["overview"].Panels {
			for _, l := range p.FieldConfig.Defaults.Links {
				board, _, _ := strings.Cut(strings.TrimPrefix(l.URL, "/d/"+mark), "?")
				leads[p.Title] = board
			}
		}
		for title, want := range map[string]string{
			"Servers that are not up": "server", "Silent hosts": "haproxystats", "Frontends by requests (req_tot)": "frontend",
			"Backends by bytes to clients (bout)": "backend", "Servers by sessions (stot)": "server", "Response time (rtime)": "backend",
			"Sessions of a server": "server", "Sessions of a frontend": "frontend",
		} {
			if leads[title] != want {
				t.Errorf("%s: panel %q leads to %q, want %q", mark, title, leads[title], want)
			}
		}
		for _, p := range all["backend"].Panels {
			if p.Title == "Queue time (qtime)" && !strings.Contains(p.FieldConfig.Defaults.Links[0].URL, "/d/"+mark+"server?") {
				t.Errorf("%s: a backend leads to %v, want its servers", mark, p.FieldConfig.Defaults.Links)
			}
		}
	}
}

var (
	queried = regexp.MustCompile(`^\$\{(\w+):queryparam\}$`)
	chosenP = regexp.MustCompile(`^var-(\w+)=\$\{__(field\.name|field\.labels\.(instance|proxy|server|cluster)|data\.fields\.(host|backend|server))\}$`)
)

func checkLink(t *testing.T, where, url, mark string, own []string, variables map[string][]string) {
	t.Helper()
	path, query, ok := strings.Cut(url, "?")
	board, found := strings.CutPrefix(path, "/d/"+mark)
	has, known := variables[board]
	if !ok || !found || !known {
		t.Errorf("%s: %s leads to none of %v", where, url, slices.Sorted(maps.Keys(variables)))
		return
	}
	seen := make(map[string]bool)
	parts := strings.Split(query, "&")
	if last := parts[len(parts)-1]; last != "${__url_time_range}" {
		t.Errorf("%s: %s does not keep the time", where, url)
	}
	for _, part := range parts[:len(parts)-1] {
		var name string
		if m := queried.FindStringSubmatch(part); m != nil {
			if name = m[1]; !slices.Contains(own, name) {
				t.Errorf("%s: %s: the dashboard has no variable %s", where, url, name)
			}
		} else if m := chosenP.FindStringSubmatch(part); m != nil {
			name = m[1]
		} else {
			t.Errorf("%s: %s: %s is not understood", where, url, part)
			continue
		}
		if seen[name] || !slices.Contains(has, name) {
			t.Errorf("%s: %s: %s has no variable %s, or the link has it twice", where, url, board, name)
		}
		seen[name] = true
	}
}
