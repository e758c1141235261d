package faults

import (
	"testing"

	"haproxystats/test/faults/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
