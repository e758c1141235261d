package events

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"slices"
	"strings"

	"haproxystats/internal/durable"
	"haproxystats/internal/event"
	"haproxystats/internal/httpcall"
	"haproxystats/internal/tlsfile"
)

// Grafana posts each event as an annotation. That of a reload becomes a region when the
// old worker has ended.
type Grafana struct {
	// URL is the address, which ends in /api/annotations.
	URL string
	// Token is what a service account logs in with; a zero one logs in as nobody.
	Token tlsfile.Secret
	// Tags and Text are what Grafana gets.
	Tags []Template
	Text Template
	// Kinds are the kinds that are sent.
	Kinds Kinds

	dir     *durable.Dir
	name    string // of the file of open regions
	log     *slog.Logger
	regions []region
}

// region is the annotation of a reload whose old worker has not ended yet.
type region struct {
	Annotation int64       `json:"annotation"`
	Event      event.Event `json:"event"` // of the reload
}

// maxRegions bounds the regions that are open. The oldest ones stay points in time.
const maxRegions = 256

func (g *Grafana) address() string { return strings.TrimSuffix(g.URL, "/") }

// open reads the regions that are open.
func (g *Grafana) open(dir *durable.Dir, base string, log *slog.Logger) error {
	g.dir, g.name, g.log = dir, base+".regions", log
	f, err := dir.OpenRegular(g.name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxRegions*(maxLine+1024)))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, &g.regions); err != nil {
		g.regions = nil
		log.Warn("regions of reloads can't be read, those that are open stay points in time", "file", f.Name(), "error", err)
	}
	return nil
}

// save writes the regions that are open. Without it a restart forgets them, which costs
// only the ends of regions.
func (g *Grafana) save() {
	temp := g.name + ".tmp"
	data, err := json.Marshal(g.regions)
	if err == nil {
		if err = g.dir.Remove(temp); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	if err == nil {
		err = writeFile(g.dir, temp, data)
	}
	if err == nil {
		err = g.dir.Rename(temp, g.name)
	}
	if err != nil {
		g.log.Warn("regions of reloads can't be recorded, a restart leaves them without an end", "error", err)
	}
}

func writeFile(dir *durable.Dir, name string, data []byte) error {
	f, err := dir.Create(name)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// wants implements [Destination]: the ends of old workers are the ends of regions.
func (g *Grafana) wants(kind event.Kind) bool {
	return g.Kinds.match(kind) || kind == event.WorkerGone && g.Kinds.match(event.Reload)
}

// send implements [Destination].
func (g *Grafana) send(ctx context.Context, to caller, events []*item, done func([]*item, error)) error {
	for n, i := range events {
		err := g.one(ctx, to, i)
		if err = settle(events[n:n+1], err, done); err != nil {
			return err
		}
	}
	return nil
}

// one sends an event.
func (g *Grafana) one(ctx context.Context, to caller, i *item) error {
	if i.Kind == event.WorkerGone && i.Ref != "" {
		if at := slices.IndexFunc(g.regions, func(r region) bool { return r.Event.ID == i.Ref }); at >= 0 {
			if err := g.end(ctx, to, g.regions[at], i.Time); err != nil {
				return err
			}
			g.regions = slices.Delete(g.regions, at, at+1)
			g.save()
			return nil
		}
		if !g.Kinds.match(event.WorkerGone) {
			return nil
		}
	}
	id, err := g.annotate(ctx, to, i, 0)
	if err != nil {
		return err
	}
	if i.Kind == event.Reload && id != 0 {
		g.regions = append(g.regions, region{id, i.Event})
		if len(g.regions) > maxRegions {
			g.regions = slices.Delete(g.regions, 0, len(g.regions)-maxRegions)
		}
		g.save()
	}
	return nil
}

// annotate makes an annotation and returns its id; end is 0 for a point in time.
func (g *Grafana) annotate(ctx context.Context, to caller, i *item, end int64) (id int64, err error) {
	text, _ := g.Text.fill(i)
	answer, err := g.call(ctx, to, "POST", g.address(), struct {
		Time    int64    `json:"time"`
		TimeEnd int64    `json:"timeEnd,omitempty"`
		Tags    []string `json:"tags"`
		Text    string   `json:"text"`
	}{i.Time * 1000, end * 1000, append([]string{}, tags(g.Tags, i)...), cmp.Or(clean(text), string(i.Kind))})
	if err != nil {
		return 0, err
	}
	var made struct{ ID int64 }
	_ = json.Unmarshal(answer, &made) // without an id the reload stays a point in time
	return made.ID, nil
}

// end gives a region its end. If the annotation is gone, it is made anew.
func (g *Grafana) end(ctx context.Context, to caller, r region, at int64) error {
	at = max(at, r.Event.Time)
	_, err := g.call(ctx, to, "PATCH", fmt.Sprintf("%s/%d", g.address(), r.Annotation), struct {
		TimeEnd int64 `json:"timeEnd"`
	}{at * 1000})
	if missing := new(addressError); errors.As(err, &missing) {
		_, err = g.annotate(ctx, to, &item{r.Event}, at)
	}
	return err
}

// call sends JSON, with the token.
func (g *Grafana) call(ctx context.Context, to caller, method, url string, body any) ([]byte, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	header := jsonHeader()
	if g.Token.File != "" {
		token, err := g.Token.Read()
		if err != nil {
			return nil, err
		}
		header["Authorization"] = "Bearer " + string(token)
	}
	return to.call(ctx, httpcall.Request{Method: method, URL: url, Header: header, Body: data})
}
