package events

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"unicode"

	"haproxystats/internal/durable"
	"haproxystats/internal/event"
	"haproxystats/internal/httpcall"
)

// Graphite posts each event to the events of Graphite-web.
type Graphite struct {
	// URL is the address, which ends in /events or /events/.
	URL string
	// Title, Tags and Text are what Graphite gets.
	Title Template
	Tags  []Template
	Text  Template
	// Kinds are the kinds that are sent.
	Kinds Kinds
}

func (Graphite) open(*durable.Dir, string, *slog.Logger) error { return nil }

func (g Graphite) wants(kind event.Kind) bool { return g.Kinds.match(kind) }

// address returns the address with the slash that Graphite-web wants.
func (g Graphite) address() string { return strings.TrimSuffix(g.URL, "/") + "/" }

// maxGraphite is the length of the columns for titles and tags in Graphite-web's
// database, in characters.
const maxGraphite = 255

// send implements [Destination].
func (g Graphite) send(ctx context.Context, to caller, events []*item, done func([]*item, error)) error {
	for n, i := range events {
		title, _ := g.Title.fill(i)
		text, _ := g.Text.fill(i)
		body, err := json.Marshal(struct {
			What string `json:"what"`
			Tags string `json:"tags"`
			When int64  `json:"when"`
			Data string `json:"data"`
		}{clip(clean(title), maxGraphite), clip(strings.Join(tags(g.Tags, i), " "), maxGraphite), i.Time, clean(text)})
		if err != nil {
			return err
		}
		_, err = to.call(ctx, httpcall.Request{Method: "POST", URL: g.address(), Header: jsonHeader(), Body: body})
		if err = settle(events[n:n+1], err, done); err != nil {
			return err
		}
	}
	return nil
}

// settle calls done for events of which the outcome is known, and returns the other errors.
func settle(events []*item, err error, done func([]*item, error)) error {
	if err != nil && !errors.As(err, new(*refusal)) {
		return err
	}
	done(events, err)
	return nil
}

func jsonHeader() map[string]string { return map[string]string{"Content-Type": "application/json"} }

// tags returns the tags of an event, each without white space.
func tags(templates []Template, i *item) (all []string) {
	for _, t := range templates {
		text, full := t.fill(i)
		words := strings.FieldsFunc(text, func(r rune) bool {
			return unicode.IsSpace(r) || unicode.IsControl(r) || r == ','
		})
		if full && len(words) > 0 {
			all = append(all, strings.Join(words, "_"))
		}
	}
	return all
}

// clean returns the text without control characters, which databases refuse.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\ufffd"))
}

// clip returns the first characters of a text.
func clip(text string, most int) string {
	n := 0
	for at := range text {
		if n == most {
			return text[:at]
		}
		n++
	}
	return text
}
