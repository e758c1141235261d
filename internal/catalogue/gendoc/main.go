// Command gendoc writes docs/metrics.md, the reference of every metric, from
// the catalogue of HAProxy's fields. `go generate ./internal/catalogue` runs it.
package main

import (
	"fmt"
	"os"
)

// target is seen from the directory that go generate runs in.
const target = "../../docs/metrics.md"

func main() {
	text, err := render()
	if err == nil {
		err = os.WriteFile(target, text, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gendoc:", err)
		os.Exit(1)
	}
}
