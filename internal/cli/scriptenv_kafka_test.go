package cli_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// kafka is a broker at port $KAFKA, when it is up. It forgets its records when it goes
// down.
type kafka struct {
	port    int
	cluster *kfake.Cluster // nil while it is down

	mu        sync.Mutex
	listeners []net.Listener
}

func (k *kafka) up(options ...kfake.Opt) (err error) {
	k.down()
	k.cluster, err = kfake.NewCluster(append(options, kfake.NumBrokers(1), kfake.Ports(k.port), kfake.ListenFn(k.listen))...)
	return err
}

func (k *kafka) listen(network, address string) (net.Listener, error) {
	l, err := net.Listen(network, address)
	k.mu.Lock()
	defer k.mu.Unlock()
	if err == nil {
		k.listeners = append(k.listeners, l)
	}
	return l, err
}

func (k *kafka) down() {
	if k.cluster == nil {
		return
	}
	k.mu.Lock()
	for _, l := range k.listeners {
		if _, ok := l.(*net.TCPListener); ok {
			stopListening(l)
		}
	}
	k.listeners = nil
	k.mu.Unlock()
	k.cluster.Close()
	k.cluster = nil
}

// cmdKafka makes a broker with these topics, or ends it. Its certificate is in a
// directory of certificates; there is a login of the user lb, by one mechanism.
func cmdKafka(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: kafka up [-tls=dir] [-login=mechanism:password] topic...|down")
	}
	k := onStage(ts).kafka
	if args[0] == "down" {
		k.down()
		return
	}
	var options []kfake.Opt
	for _, arg := range args[1:] {
		switch name, value, _ := strings.Cut(arg, "="); name {
		case "-tls":
			settings := serverTLS(ts, ts.MkAbs(value))
			settings.ClientAuth = tls.NoClientCert
			options = append(options, kfake.TLS(settings))
		case "-login":
			mechanism, password, _ := strings.Cut(value, ":")
			options = append(options, kfake.EnableSASL(), kfake.Superuser(mechanism, "lb", password))
		default:
			options = append(options, kfake.SeedTopics(2, arg))
		}
	}
	ts.Check(k.up(options...))
}

// cmdTopic waits until a topic has so many records, and prints each with its key and
// headers, those of a partition in order. Only a broker without TLS and login is asked.
func cmdTopic(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: topic name n")
	}
	s := onStage(ts)
	n := number(ts, args[1])
	c, err := kgo.NewClient(kgo.SeedBrokers("127.0.0.1:"+strconv.Itoa(s.kafka.port)), kgo.ConsumeTopics(args[0]))
	ts.Check(err)
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var records []*kgo.Record
	for len(records) < n {
		fetches := c.PollFetches(ctx)
		if ctx.Err() != nil {
			ts.Fatalf("topic %s has %d records, want %d%s", args[0], len(records), n, s.logs())
		}
		records = append(records, fetches.Records()...)
	}
	if len(records) > n {
		ts.Fatalf("topic %s has %d records, want %d", args[0], len(records), n)
	}
	for _, r := range records {
		fmt.Fprintf(ts.Stdout(), "key=%s time=%d", r.Key, r.Timestamp.Unix())
		for _, h := range r.Headers {
			fmt.Fprintf(ts.Stdout(), " %s=%s", h.Key, h.Value)
		}
		fmt.Fprintf(ts.Stdout(), "\n%s\n", strings.TrimSuffix(string(r.Value), "\n"))
	}
}
