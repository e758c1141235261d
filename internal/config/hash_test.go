package config

import "testing"

// TestSHA256 has a configuration, and what is and is not another one.
func TestSHA256(t *testing.T) {
	hash := func(program Program, text string) string {
		t.Helper()
		loaded, err := Load(program, Files{File: write1(t, text), Required: true})
		if err != nil {
			t.Fatal(err)
		}
		return loaded.SHA256
	}
	const base = "[pull]\nworkers = 2\n[graphite]\nport = 2003\n"
	pull, process := hash(ForPull, base), hash(ForProcess, base)
	if len(pull) != 64 || pull == process {
		t.Errorf("got %q and %q, want two hashes of 64 digits", pull, process)
	}
	for _, c := range []struct {
		name, text    string
		pull, process bool // the hash stays
	}{
		{"a comment and an empty line", "# hello\n\n" + base, true, true},
		{"a default that is written", base + "[process]\nworkers = " + mustDefault(t, "process", "workers") + "\n", true, true},
		{"an option of haproxystats-pull", "[pull]\nworkers = 3\n[graphite]\nport = 2003\n", false, true},
		{"an option of haproxystats-process", "[pull]\nworkers = 2\n[graphite]\nport = 2004\n", true, false},
		{"names that are left out", base + "[process]\nexclude-backends = " + write1(t, "a\n") + "\n", true, false},
	} {
		if got := hash(ForPull, c.text) == pull; got != c.pull {
			t.Errorf("%s: the hash of haproxystats-pull stays: got %v, want %v", c.name, got, c.pull)
		}
		if got := hash(ForProcess, c.text) == process; got != c.process {
			t.Errorf("%s: the hash of haproxystats-process stays: got %v, want %v", c.name, got, c.process)
		}
	}
}

func mustDefault(t *testing.T, section, name string) string {
	t.Helper()
	o, ok := lookupOption(section, name)
	if !ok {
		t.Fatalf("no option %s in [%s]", name, section)
	}
	return o.Default
}
