package real

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

// ConnectConfig says what Kafka Connect copies from a topic into a file.
type ConnectConfig struct {
	Jars    string // as Find and Need return it for "kafka-3.9"
	Dir     string // gets its configuration; a directory of its own
	Brokers []string
	Topic   string
	// File gets a line for each record, as Java prints its value.
	File string
}

var connectTemplates = map[string]*template.Template{
	"worker.properties": template.Must(template.New("worker.properties").Parse(`bootstrap.servers={{.Brokers}}
listeners=http://127.0.0.1:0
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
value.converter.schemas.enable=false
offset.storage.file.filename={{.Dir}}/offsets
offset.flush.interval.ms=200
plugin.discovery=only_scan
`)),
	"sink.properties": template.Must(template.New("sink.properties").Parse(`name=file
connector.class=org.apache.kafka.connect.file.FileStreamSinkConnector
tasks.max=1
topics={{.Topic}}
file={{.File}}
errors.tolerance=all
`)),
}

// StartConnect starts Kafka Connect with its sink of files, whose converter takes a JSON
// object without a schema from each record. Records that it can't read are left out.
func StartConnect(c ConnectConfig) (*Process, error) {
	java, err := findProgram("default-jre-headless", "java")
	if err != nil {
		return nil, err
	}
	k := &Kafka{config: KafkaConfig{Jars: c.Jars, Dir: c.Dir}, java: java}
	if err := k.writeLogging(); err != nil {
		return nil, err
	}
	values := map[string]string{"Brokers": strings.Join(c.Brokers, ","), "Dir": c.Dir, "Topic": c.Topic, "File": c.File}
	for name, t := range connectTemplates {
		if err := writeTemplate(k.path(name), t, values); err != nil {
			return nil, err
		}
	}
	return StartProcess(Command{
		Name: "kafka connect", Path: java, Dir: c.Dir,
		Args: k.arguments("org.apache.kafka.connect.cli.ConnectStandalone", k.path("worker.properties"), k.path("sink.properties")),
	})
}

var errTooFew = errors.New("it has too few lines")

// AwaitLines waits until a file has that many whole lines, and returns them. The program
// that writes it must not end before.
func (p *Process) AwaitLines(ctx context.Context, file string, lines int) ([]string, error) {
	var all []string
	err := p.await(ctx, func(context.Context) error {
		text, err := os.ReadFile(filepath.Clean(file))
		if err != nil {
			return err
		}
		if all = strings.Split(string(text), "\n"); len(all) <= lines {
			return errTooFew
		}
		return nil
	})
	return all[:min(lines, len(all))], err
}
