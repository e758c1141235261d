// Otlp prints the data points of OpenTelemetry's metrics as the OpenTelemetry Collector
// reads them. The messages come on the standard input, each behind its length, which is a
// number of four bytes, the lowest first. It is a module of its own so that no program
// depends on the collector.
package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "otlp:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	w := bufio.NewWriter(out)
	for {
		var size [4]byte
		_, err := io.ReadFull(in, size[:])
		if errors.Is(err, io.EOF) {
			return w.Flush()
		}
		if err != nil {
			return fmt.Errorf("read a length: %w", err)
		}
		message := make([]byte, binary.LittleEndian.Uint32(size[:]))
		if _, err := io.ReadFull(in, message); err != nil {
			return fmt.Errorf("read a message: %w", err)
		}
		metrics, err := new(pmetric.ProtoUnmarshaler).UnmarshalMetrics(message)
		if err != nil {
			return fmt.Errorf("decode a message: %w", err)
		}
		show(w, metrics)
	}
}

// show writes a line for each data point: its metric, attributes, time and value.
func show(w io.Writer, metrics pmetric.Metrics) {
	for _, resource := range metrics.ResourceMetrics().All() {
		of := text(resource.Resource().Attributes())
		for _, scope := range resource.ScopeMetrics().All() {
			for _, m := range scope.Metrics().All() {
				var points pmetric.NumberDataPointSlice
				switch m.Type() {
				case pmetric.MetricTypeGauge:
					points = m.Gauge().DataPoints()
				case pmetric.MetricTypeSum:
					points = m.Sum().DataPoints()
				default:
					fmt.Fprintln(w, of, m.Name(), m.Type())
					continue
				}
				for _, p := range points.All() {
					value := fmt.Sprint(p.DoubleValue())
					if p.ValueType() == pmetric.NumberDataPointValueTypeInt {
						value = fmt.Sprint(p.IntValue())
					}
					fmt.Fprintln(w, of, m.Name(), m.Type(), text(p.Attributes()), uint64(p.Timestamp()), value)
				}
			}
		}
	}
}

func text(attributes pcommon.Map) string {
	var all []string
	for key, value := range attributes.All() {
		all = append(all, key+"="+value.AsString())
	}
	slices.Sort(all)
	return fmt.Sprintf("%q", all)
}
