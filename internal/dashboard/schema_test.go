package dashboard

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	kinds "github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	schema "github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// TestSchema holds the dashboards against Grafana's own schema: no field may be unknown, be
// missing or have another type, in the dashboard, its variables and panels, and in the options
// of each kind of panel and of queries of Prometheus.
func TestSchema(t *testing.T) {
	kinds.RegisterDefaultPlugins()
	graphite, prometheus := bothDashboards(t)
	for of, files := range map[string]map[string][]byte{"Graphite": graphite, "Prometheus": prometheus} {
		for _, name := range slices.Sorted(maps.Keys(files)) {
			if err := follows(files[name]); err != nil {
				t.Errorf("%s for %s: %v", name, of, err)
			}
		}
	}
	// A mistake must not pass.
	for what, change := range map[string]func(panel map[string]any){
		"a field of a panel":     func(p map[string]any) { p["titel"] = "" },
		"an option":              func(p map[string]any) { p["options"].(map[string]any)["colour"] = "" },
		"the type of an option":  func(p map[string]any) { p["options"].(map[string]any)["textMode"] = 1 },
		"a default of fields":    func(p map[string]any) { p["fieldConfig"].(map[string]any)["defaults"].(map[string]any)["units"] = "" },
		"a field of a query":     func(p map[string]any) { p["targets"].([]any)[0].(map[string]any)["expression"] = "" },
		"a word that is unknown": func(p map[string]any) { p["options"].(map[string]any)["textMode"] = []string{} },
	} {
		var d map[string]any
		if err := json.Unmarshal(prometheus["overview.json"], &d); err != nil {
			t.Fatal(err)
		}
		change(d["panels"].([]any)[1].(map[string]any))
		text, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		if follows(text) == nil {
			t.Errorf("%s is wrong, and passes", what)
		}
	}
}

// follows returns an error unless a dashboard follows the schema.
func follows(text []byte) error {
	var d map[string]json.RawMessage
	if err := json.Unmarshal(text, &d); err != nil {
		return err
	}
	delete(d, "__requires") // what an import needs, which is none of the dashboard
	rest, err := json.Marshal(d)
	if err != nil {
		return err
	}
	//lint:ignore SA1019 Version 2 is another format, which Grafana 10.4 does not read.
	var whole schema.Dashboard
	if err := mistakes(whole.UnmarshalJSONStrict(rest)); err != nil {
		return err
	}
	if err := mistakes(whole.Validate()); err != nil {
		return err
	}
	var panels []struct {
		Type, Title string
		FieldConfig *struct {
			Defaults  map[string]json.RawMessage `json:"defaults"`
			Overrides json.RawMessage            `json:"overrides"`
		}
	}
	if err := json.Unmarshal(d["panels"], &panels); err != nil {
		return err
	}
	for _, p := range panels {
		if _, ok := cog.NewRuntime().ConfigForPanelcfgVariant(p.Type); !ok && p.Type != "row" {
			return fmt.Errorf("panel %q: there is no kind %s", p.Title, p.Type)
		}
		if p.FieldConfig == nil {
			continue
		}
		// The schema wants them to be links of dashboards, which have more fields than links of data.
		delete(p.FieldConfig.Defaults, "links")
		text, err := json.Marshal(p.FieldConfig)
		if err != nil {
			return err
		}
		var fields schema.FieldConfigSource
		if err := mistakes(fields.UnmarshalJSONStrict(text)); err != nil {
			return fmt.Errorf("panel %q: %w", p.Title, err)
		}
	}
	return nil
}

// mistakes returns nil for a list of mistakes that is empty, which the schema's code can
// return as an error.
func mistakes(err error) error {
	if list, ok := errors.AsType[cog.BuildErrors](err); ok && len(list) == 0 {
		return nil
	}
	return err
}
