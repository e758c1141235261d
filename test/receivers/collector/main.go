// Command collector is the OpenTelemetry Collector's receiver of OTLP over HTTP, connected with
// its file exporter: what is posted to the address is written into the file, a line of JSON for
// each request. Both are the Collector's own; the service that configures and connects them there
// is left out, since it would take longer to build than they do.
//
//	collector ADDRESS FILE
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/fileexporter"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	metric "go.opentelemetry.io/otel/metric/noop"
	trace "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: collector ADDRESS FILE")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "collector:", err)
		os.Exit(1)
	}
}

// run runs the receiver and the exporter until the program is to end.
func run(address, file string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	log, err := zap.NewProduction()
	if err != nil {
		return err
	}
	telemetry := component.TelemetrySettings{
		Logger: log, TracerProvider: trace.NewTracerProvider(), MeterProvider: metric.NewMeterProvider(), Resource: pcommon.NewResource(),
	}

	to := fileexporter.NewFactory()
	toConfig := to.CreateDefaultConfig()
	if err := configure(toConfig, map[string]any{"path": file, "flush_interval": "100ms"}); err != nil {
		return err
	}
	written, err := to.CreateMetrics(ctx, exporter.Settings{ID: component.NewID(to.Type()), TelemetrySettings: telemetry}, toConfig)
	if err != nil {
		return err
	}

	from := otlpreceiver.NewFactory()
	fromConfig := from.CreateDefaultConfig()
	if err := configure(fromConfig, map[string]any{"protocols": map[string]any{"http": map[string]any{"endpoint": address}}}); err != nil {
		return err
	}
	received, err := from.CreateMetrics(ctx, receiver.Settings{ID: component.NewID(from.Type()), TelemetrySettings: telemetry}, fromConfig, written)
	if err != nil {
		return err
	}

	for _, c := range []component.Component{written, received} {
		if err := c.Start(ctx, host{}); err != nil {
			return err
		}
	}
	<-ctx.Done()
	// What is being received is still written.
	for _, c := range []component.Component{received, written} {
		if err := c.Shutdown(context.Background()); err != nil {
			return err
		}
	}
	return nil
}

// configure sets options as a file of the Collector would.
func configure(config component.Config, options map[string]any) error {
	return confmap.NewFromStringMap(options).Unmarshal(config)
}

// host has no extensions.
type host struct{}

func (host) GetExtensions() map[component.ID]component.Component { return nil }
