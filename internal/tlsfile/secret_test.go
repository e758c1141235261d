package tlsfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSecret(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		mode os.FileMode
		want string
	}{
		"good":      {"secret\r\n", 0o640, ""},
		"empty":     {"\n", 0o600, "holds no token"},
		"two lines": {"a\nb\n", 0o600, "more than one line"},
		"readable":  {"a", 0o644, "every user"},
	} {
		path := filepath.Join(t.TempDir(), "token")
		if err := errors.Join(os.WriteFile(path, []byte(c.text), 0o600), os.Chmod(path, c.mode)); err != nil {
			t.Fatal(err)
		}
		err := Secret{Option: "grafana-token-file", File: path, Noun: "token"}.Check()
		if text := fmt.Sprint(err); (err == nil) != (c.want == "") || !strings.Contains(text, c.want) || strings.Contains(text, "secret") {
			t.Errorf("%s: got error %v, want %q in it", name, err, c.want)
		}
	}
}
