package kafka

import (
	"sync"
	"time"
)

// knownFor is the time for which what is known of a topic counts.
const knownFor = 30 * time.Second

// KnownTopic is what is known of the topic that a producer writes to: it need not be asked
// for with each delivery. It is safe for concurrent use. The zero value knows nothing.
type KnownTopic struct {
	mu    sync.Mutex
	topic Topic // without partitions if it is not known
	asked time.Time
}

// Get returns what is known of the topic, and asks if that is nothing or too old. An
// answer with an error, or without partitions, is not remembered.
func (k *KnownTopic) Get(ask func() (Topic, error)) (Topic, error) {
	k.mu.Lock()
	known, age := k.topic, time.Since(k.asked)
	k.mu.Unlock()
	if known.Partitions > 0 && age < knownFor {
		return known, nil
	}
	topic, err := ask()
	if err == nil {
		err = topic.Err
	}
	if err != nil || topic.Partitions == 0 {
		return topic, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.topic, k.asked = topic, time.Now()
	return topic, nil
}

// Last returns what was known last, however old it is.
func (k *KnownTopic) Last() Topic {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.topic
}

// Forget has the topic asked for again.
func (k *KnownTopic) Forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.topic = Topic{}
}
