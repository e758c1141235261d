// Package push tests the outputs that post metrics over HTTP, with receivers that take them.
package push

import (
	"testing"

	"haproxystats/test/faults/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
