package doctor

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"haproxystats/internal/config"
)

// TestQueues has the queue of each sink that is on, for checks of rights and space.
func TestQueues(t *testing.T) {
	var c config.Config
	c.Forward.QueueDir, c.Forward.QueueMaxBytes = "/q/forward", 7
	if got := queuesOf(&c); len(got) != 0 {
		t.Errorf("got %+v with nothing on, want none", got)
	}
	c.Forward.Mode = config.ForwardSnapshots
	want := []queueOf{{"queue-dir of [forward]", "/q/forward", 7}}
	if diff := cmp.Diff(want, queuesOf(&c), cmp.AllowUnexported(queueOf{})); diff != "" {
		t.Errorf("queues (-want +got):\n%s", diff)
	}
}
