package docs

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"haproxystats/internal/status"
)

// TestStatusFields finds fields of the status document that docs/monitoring.md does
// not explain.
func TestStatusFields(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "monitoring.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n## The status socket\n")
	if !found {
		t.Fatal("docs/monitoring.md has no section \"The status socket\"")
	}
	for _, path := range fieldsOf(reflect.TypeFor[status.Document](), "") {
		name := path[strings.LastIndex(path, ".")+1:]
		if !regexp.MustCompile(`[| ` + "`]" + regexp.QuoteMeta(name) + `[|, ` + "`]").MatchString(section) {
			t.Errorf("docs/monitoring.md does not explain %s", path)
		}
	}
}

// fieldsOf returns the paths of the fields of a type and of the types in it.
func fieldsOf(of reflect.Type, above string) (paths []string) {
	for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice || of.Kind() == reflect.Map {
		of = of.Elem()
	}
	if of.Kind() != reflect.Struct {
		return nil
	}
	for i := range of.NumField() {
		field := of.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		paths = append(paths, above+name)
		paths = append(paths, fieldsOf(field.Type, above+name+".")...)
	}
	return paths
}
