package kafka

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"haproxystats/internal/doctor"
	"haproxystats/test/faults/harness"
	"haproxystats/test/real"
)

// TestForwardTooLarge: the topic or the broker takes less than a record of [forward]. The
// log and doctor say which topic and what to do, nothing is lost, and once that is done
// all arrives.
func TestForwardTooLarge(t *testing.T) {
	const limit = 30_000
	for _, c := range []struct {
		mode   string
		broker bool // the limit is the broker's
		more   map[string]string
	}{
		{"tables", false, map[string]string{"shards": "1"}},
		{"snapshots", true, map[string]string{"chunk-bytes": "65536"}},
	} {
		where, settings := "topic", map[string]string{"max.message.bytes": fmt.Sprint(limit)}
		if c.broker {
			where, settings = "broker", nil
		}
		t.Run(c.mode, func(t *testing.T) {
			row := harness.Begin(t, "the "+where+" takes less than a record of "+c.mode, "log and doctor name topic and remedy; 0 lost after it")
			k, f := (*real.Kafka)(nil), (*fleet)(nil)
			if c.broker {
				k = start(t, real.KafkaConfig{Jars: real.Need(t, "kafka"), Properties: []string{fmt.Sprint("message.max.bytes=", limit)}})
			} else {
				k = broker(t)
			}
			f = newFleetAt(t, k, k.Addr, 1, 1)
			topic := createTopic(t, k, 1, 1, settings)
			n := f.node("c0", "n0", c.mode, topic, c.more)
			p := f.Start(harness.Process, n.conf)
			epochs := []int64{1_700_000_000, 1_700_000_010, 1_700_000_020, 1_700_000_030}
			for i, epoch := range epochs {
				n.hand(epoch, int64(i), 2000)
				row.Inject(1)
			}
			p.WaitSays(time.Minute, "MESSAGE_TOO_LARGE", topic, "Raise max.message.bytes of the topic to ")
			if finding := f.finding(n.conf, topic); !strings.Contains(finding.Text, "max.message.bytes is "+fmt.Sprint(limit)) || !strings.Contains(finding.Remedy, "--add-config max.message.bytes=") {
				t.Errorf("got the finding %+v, want one about max.message.bytes and its remedy", finding)
			}
			admin := kadm.NewClient(client(t, options(k.Addr)))
			_, remedy, _ := strings.Cut(p.Lines("MESSAGE_TOO_LARGE")[0], "Raise max.message.bytes of the topic to ")
			value, _, _ := strings.Cut(remedy, " or more")
			answer, err := admin.AlterTopicConfigs(f.Ctx, []kadm.AlterConfig{{Name: "max.message.bytes", Value: kadm.StringPtr(value)}}, topic)
			f.Must(err)
			for _, a := range answer {
				f.Must(a.Err)
			}
			begun := time.Now()
			all := newForwarded(t)
			all.differ = true
			reader := client(t, options(k.Addr), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
			lost := func(epoch int64) bool { return len(all.whole[epoch]) == 0 }
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
			defer cancel()
			for slices.ContainsFunc(epochs, lost) && ctx.Err() == nil {
				for _, r := range reader.PollFetches(ctx).Records() {
					f.Must(all.add(r))
				}
			}
			t.Logf("all has arrived %v after the limit was raised to %s", time.Since(begun).Round(time.Millisecond), value)
			missing := slices.DeleteFunc(slices.Clone(epochs), func(epoch int64) bool { return !lost(epoch) })
			if len(missing) > 0 {
				t.Errorf("got nothing whole of snapshots %v", missing)
			}
			p.End(15)
			row.Result("%d snapshots: %d lost", len(epochs), len(missing))
		})
	}
}

// finding returns doctor's finding about a topic that is an error.
func (f *fleet) finding(conf, topic string) doctor.Finding {
	f.T.Helper()
	out, err := exec.CommandContext(f.Ctx, f.Binary("haproxystats"), "doctor", "--json", "-f", conf).Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		f.T.Fatal(err)
	}
	var report struct{ Findings []doctor.Finding }
	f.Must(json.Unmarshal(out, &report))
	for _, found := range report.Findings {
		if found.Subject == topic && found.Verdict == doctor.Error && strings.Contains(found.Text, "max.message.bytes") {
			return found
		}
	}
	f.T.Errorf("doctor says nothing about %s: %s", topic, out)
	return doctor.Finding{}
}
