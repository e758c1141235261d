package app

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"haproxystats/internal/config"
	"haproxystats/internal/event"
	"haproxystats/internal/process"
	"haproxystats/internal/snapshot"
)

// taker records the events that it gets.
type taker struct{ ids []string }

func (*taker) Name() string { return "taker" }

func (k *taker) DeliverSnapshot(_ context.Context, s snapshot.Snapshot) error {
	list, err := event.ReadSnapshot(s.Files)
	for _, e := range list {
		k.ids = append(k.ids, e.ID)
	}
	return err
}

// TestTakeEvents checks that the events of snapshots in the spool are taken in order, also
// of one that was in hand when an earlier program was killed, and that one that can't be
// read does not stop the others.
func TestTakeEvents(t *testing.T) {
	dir := t.TempDir()
	for _, epoch := range []int{1795890010, 1795890000, 1795890020, 1795890030} {
		entry := filepath.Join(dir, fmt.Sprint(epoch))
		if err := os.Mkdir(entry, 0o750); err != nil {
			t.Fatal(err)
		}
		text := event.Append(nil, []event.Event{{ID: fmt.Sprint("lb1/haproxy/1-1/", epoch), Time: 1, Kind: event.Gap}})
		if epoch == 1795890020 {
			text = []byte("what\n")
		}
		if err := os.WriteFile(filepath.Join(entry, snapshot.EventsName), text, 0o640); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "1795890000", ".claim1"), nil, 0o640); err != nil {
		t.Fatal(err)
	}
	var to taker
	takeEvents(t.Context(), dir, []process.SnapshotSink{&to}, slog.New(slog.DiscardHandler))
	want := []string{"lb1/haproxy/1-1/1795890000", "lb1/haproxy/1-1/1795890010", "lb1/haproxy/1-1/1795890030"}
	if !reflect.DeepEqual(to.ids, want) {
		t.Errorf("got %q, want %q", to.ids, want)
	}
}

// TestCheckEvents checks what is refused before a program starts.
func TestCheckEvents(t *testing.T) {
	good := config.Events{
		Kinds: []string{"*"}, GraphiteURL: "http://g/events/", GrafanaURL: "http://g/api/annotations", Webhook: "http://h",
		Title: "{summary}", Text: "{details}", Tags: []string{"{kind}"},
	}
	for name, c := range map[string]struct {
		change       func(*config.Events)
		option, text string
	}{
		"nothing":      {func(*config.Events) {}, "", ""},
		"a kind":       {func(e *config.Events) { e.Kinds = []string{"reloads"} }, "kinds", `no kind "reloads"`},
		"a title":      {func(e *config.Events) { e.Title = "{what}" }, "title", "no field {what}"},
		"a text":       {func(e *config.Events) { e.Text = "{" }, "text", "not closed"},
		"a tag":        {func(e *config.Events) { e.Tags = []string{"a", "}"} }, "tags", "closes nothing"},
		"an authority": {func(e *config.Events) { e.CAFile = "/does/not/exist" }, "ca-file", "no such file"},
		"a token":      {func(e *config.Events) { e.GrafanaTokenFile = "/does/not/exist" }, "grafana-token-file", "no such file"},
		"a secret":     {func(e *config.Events) { e.WebhookSecretFile = "/does/not/exist" }, "webhook-secret-file", "no such file"},
	} {
		e := good
		c.change(&e)
		problems := checkEvents(&config.Config{Events: e})
		switch {
		case c.option == "" && len(problems) > 0:
			t.Errorf("%s: got %+v, want no problem", name, problems)
		case c.option != "" && (len(problems) != 1 || problems[0].Option != c.option || !strings.Contains(problems[0].Reason, c.text)):
			t.Errorf("%s: got %+v, want one of %s with %q", name, problems, c.option, c.text)
		}
	}
}
