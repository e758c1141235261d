// Package faults holds the tests of the delivery contract: every fault that
// docs/delivery.md speaks of is injected into the real programs, and what
// arrives is compared with what was accepted. FAULTS=full runs the full numbers
// of injections; package harness has the instruments.
package faults
