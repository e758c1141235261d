package spool

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"testing"
	"time"

	"haproxystats/internal/snapshot"
)

// killedWriterDir is the environment variable that makes the test binary a
// writer that waits for its end.
const killedWriterDir = "SPOOL_TEST_WRITER"

const killedFiles = 3

// pattern is what a file of an entry must hold.
func pattern(epoch int64, file int) []byte {
	return append(bytes.Repeat(fmt.Appendf(nil, "%d %d\n", epoch, file), 2000), "end\n"...)
}

func writeUntilKilled(dir string) int {
	w, err := OpenWriter(WriterOptions{Dir: dir, Tmp: dir + ".tmp"})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println("ready")
	for epoch := time.Now().UnixNano(); ; epoch++ {
		d, err := w.Stage(epoch)
		if err != nil {
			return 1
		}
		for i := range killedFiles {
			f, err := d.Create(fmt.Sprintf("f%d_stat", i))
			if err != nil {
				return 1
			}
			f.Write(pattern(epoch, i))
			f.Close()
		}
		if d.Commit(snapshot.Round{}) != nil {
			return 1
		}
	}
}

// TestKilledWriter kills a writer at random moments: what is visible is
// complete, and the next writer finds and leaves nothing in tmp.
func TestKilledWriter(t *testing.T) {
	dir := queue(t)
	kills := 15
	if testing.Short() {
		kills = 3
	}
	r := openReaderAt(t, dir, nil)
	total, leftovers := 0, 0
	for i := range kills {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), killedWriterDir+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 8)); err != nil {
			t.Fatalf("the writer said nothing: %v", err)
		}
		<-time.After(time.Duration(i*7919%23) * time.Millisecond) // the fault's own time
		cmd.Process.Kill()
		cmd.Wait()
		leftovers += len(names(t, dir+".tmp"))
		r.listAgain()
		n, err := OpenWriter(WriterOptions{Dir: dir, Tmp: dir + ".tmp"})
		if err != nil {
			t.Fatal(err)
		}
		if got := names(t, dir+".tmp"); len(got) != 0 {
			t.Errorf("left in tmp: %q", got)
		}
		waiting, err := n.Waiting()
		if err != nil {
			t.Fatal(err)
		}
		n.Close()
		for range waiting {
			e := claim(t, r)
			for i := range killedFiles {
				b, err := fs.ReadFile(e.FS(), fmt.Sprintf("f%d_stat", i))
				if err != nil || !bytes.Equal(b, pattern(e.Epoch(), i)) {
					t.Errorf("%s: file %d: %d bytes, %v", e.Name(), i, len(b), err)
				}
			}
			commit(t, e)
		}
		nothing(t, r)
		total += waiting
	}
	if total == 0 {
		t.Error("no entry was handed over")
	}
	t.Logf("%d kills, %d entries, %d drafts left by the kills", kills, total, leftovers)
}
