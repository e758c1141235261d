package forward

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
)

// advise returns what to do about errors that options of [forward], or the topic, decide
// over; the options of the connection have nothing to do with them.
func (o Options) advise(err error) string {
	switch {
	case errors.Is(err, kerr.UnknownTopicOrPartition):
		return "Create the topic with kafka-topics.sh --create --config message.timestamp.type=LogAppendTime, or set create-topics = true in [forward]"
	case errors.Is(err, kerr.InvalidTopicException):
		return "Set topic in [forward] to a name that Kafka takes"
	case errors.Is(err, kerr.MessageTooLarge), errors.Is(err, kerr.RecordListTooLarge):
		raise := fmt.Sprintf("Raise max.message.bytes of the topic to %d or more", o.Batch())
		if o.ChunkBytes > 0 {
			return raise + ", or lower chunk-bytes in [forward]"
		}
		return raise
	case errors.Is(err, kerr.ClusterAuthorizationFailed):
		return "Allow the user to write the topic, with kafka-acls.sh --producer; old brokers also want IdempotentWrite on the cluster"
	}
	return ""
}
