package measure

import (
	"bufio"
	"os"
	"os/exec"
	"slices"
	"testing"
)

func TestFamilyHasGrandchildren(t *testing.T) {
	// The inner shell says its number, and waits for the end of its input.
	cmd := exec.Command("sh", "-c", `sh -c 'echo started; read line; exit 0'; exit 0`)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	shells, err := family(cmd.Process.Pid)
	if err != nil || len(shells) != 2 {
		t.Errorf("family of the outer shell = %v, %v: want both shells", shells, err)
	}
	all, err := family(os.Getpid())
	if err != nil || all[0] != os.Getpid() || !slices.Contains(all, shells[len(shells)-1]) {
		t.Errorf("family of the test = %v, %v: want the shells among them", all, err)
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
}

func TestCPUTimeGrowsWithWork(t *testing.T) {
	pids := []int{os.Getpid()}
	before, err := cpuTime(pids)
	if err != nil {
		t.Fatal(err)
	}
	x := 0
	for i := range 1_000_000 {
		x ^= i
	}
	after, err := cpuTime(pids)
	if err != nil || after <= before {
		t.Errorf("CPU time went from %v to %v, %v (%d)", before, after, err, x)
	}
	if _, err := cpuTime([]int{1 << 27}); err == nil {
		t.Error("no error for a process that does not exist")
	}
}

func TestKilobytes(t *testing.T) {
	const status = "Name:\tx\nVmPeak:\t  999 kB\nVmHWM:\t  123 kB\nVmRSS:\t 1 kB\n"
	if got, err := kilobytes(status, "VmHWM"); err != nil || got != 123<<10 {
		t.Errorf("kilobytes = %d, %v, want %d", got, err, 123<<10)
	}
	for _, bad := range []string{"", "VmHWM:\tmany kB\n"} {
		if _, err := kilobytes(bad, "VmHWM"); err == nil {
			t.Errorf("no error for %q", bad)
		}
	}
}

func TestPeakMemoryIsAtLeastWhatIsHeld(t *testing.T) {
	held := make([]byte, 64<<20)
	for i := range held {
		held[i] = 1
	}
	peak, err := peakMemory([]int{os.Getpid()})
	if err != nil || peak < int64(len(held)) {
		t.Errorf("peak = %d, %v, want at least %d", peak, err, len(held))
	}
}

func TestOnThreadLeavesOthersOut(t *testing.T) {
	var burnt, runs int
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				burnt++
			}
		}
	}()
	idle, err := OnThread(2, func() error { runs++; return nil })
	if err != nil || runs != 2 {
		t.Errorf("OnThread = %v after %d runs", err, runs)
	}
	busy, err := OnThread(1, func() error {
		for i := range 10_000_000 {
			runs ^= i
		}
		return nil
	})
	close(stop)
	<-stopped
	if err != nil || busy <= idle {
		t.Errorf("busy took %v, idle %v, %v (%d, %d)", busy, idle, err, burnt, runs)
	}
	if _, err := OnThread(1, func() error { return os.ErrInvalid }); err != os.ErrInvalid {
		t.Errorf("OnThread = %v, want the error of its function", err)
	}
}
