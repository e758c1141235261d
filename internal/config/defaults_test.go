package config

import (
	"reflect"
	"slices"
	"testing"
)

// TestSetDefaults: a section that no file has is then as one that is empty in a file.
func TestSetDefaults(t *testing.T) {
	for _, section := range []string{"prometheus", "influx", "otlp"} {
		loaded, err := assemble(ForProcess, []source{{name: "f", data: []byte("[" + section + "]\n")}}, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		var c Config
		c.SetDefaults(section)
		want, got := loaded.Config.Prometheus, c.Prometheus
		want.Enabled = false
		if section == "prometheus" && !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if section == "otlp" {
			wanted, _ := loaded.Config.OTLPs.Get("")
			set, ok := c.OTLPs.Get("")
			if !ok || set.Names != wanted.Names || !slices.Equal(set.Scopes, wanted.Scopes) || set.FQDN != wanted.FQDN {
				t.Errorf("got %+v, want %+v", set, wanted)
			}
		}
		if section != "influx" {
			continue
		}
		wanted, _ := loaded.Config.Influxes.Get("")
		set, ok := c.Influxes.Get("")
		if !ok || set.Measurement != wanted.Measurement || !slices.Equal(set.TextFields, wanted.TextFields) || set.FQDN != wanted.FQDN {
			t.Errorf("got %+v, want %+v", set, wanted)
		}
	}
}
