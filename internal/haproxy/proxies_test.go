package haproxy_test

import (
	"bytes"
	"slices"
	"testing"

	"haproxystats/internal/haproxy"
	"haproxystats/internal/haproxysim"
)

// typesOf counts the rows of a reply by their types.
func typesOf(t *testing.T, reply []byte) (rows [4]int) {
	t.Helper()
	var s haproxy.StatScanner
	if err := s.Reset(bytes.NewReader(reply)); err != nil {
		t.Fatal(err)
	}
	for row := range rows {
		s.Select(haproxy.RowType(row), nil)
	}
	for s.Next() {
		rows[s.Row().Type]++
	}
	if s.Err() != nil || !s.Complete() {
		t.Fatalf("got a reply that is not complete, error %v", s.Err())
	}
	return rows
}

// TestFetchProxiesOnly asks for the rows of frontends and backends, in one connection or in two.
func TestFetchProxiesOnly(t *testing.T) {
	r := rich(t)
	whole := typesOf(t, r.Stat)
	for _, fault := range []haproxysim.Fault{{}, {Kind: haproxysim.OneCommand}} {
		s := haproxysim.NewSocket(r)
		s.SetFault(fault)
		client := &haproxy.Client{Dial: piped(t.Context(), s), ProxiesOnly: true}
		for range 2 {
			var info, stat bytes.Buffer
			if err := client.Fetch(t.Context(), "unix", "s", &info, &stat); err != nil {
				t.Fatal(err)
			}
			got := typesOf(t, stat.Bytes())
			if want := [4]int{whole[haproxy.FrontendRow], whole[haproxy.BackendRow]}; got != want || whole[haproxy.ServerRow] == 0 {
				t.Errorf("got %v rows of %v, want %v", got, whole, want)
			}
			if !bytes.Equal(info.Bytes(), r.Info) {
				t.Error("got another reply to show info")
			}
		}
		client = &haproxy.Client{Dial: piped(t.Context(), s), ProxiesOnly: true}
		var info, stat bytes.Buffer
		if _, _, err := client.FetchMore(t.Context(), "unix", "s", &info, &stat, []string{"show table"}); err != nil {
			t.Fatal(err)
		}
		if got := typesOf(t, stat.Bytes()); slices.Max(got[2:]) > 0 {
			t.Errorf("got the rows %v with a further question, want proxies only", got)
		}
	}
}

func TestIsProxy(t *testing.T) {
	for row, want := range map[haproxy.RowType]bool{
		haproxy.FrontendRow: true, haproxy.BackendRow: true, haproxy.ServerRow: false, haproxy.ListenerRow: false,
	} {
		if row.IsProxy() != want {
			t.Errorf("%d: got %t, want %t", row, row.IsProxy(), want)
		}
	}
}
