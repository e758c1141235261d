package harness

import (
	"cmp"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// Full reports whether the full number of injections is wanted.
func Full() bool { return os.Getenv("FAULTS") == "full" }

// Count returns the number of injections that is wanted.
func Count(short, full int) int {
	if Full() {
		return full
	}
	return short
}

// Random returns a source of random choices, and logs what repeats them.
func Random(t *testing.T) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("FAULTS_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("FAULTS_SEED: %v", err)
		}
		seed = n
	}
	t.Logf("FAULTS_SEED=%d repeats these choices", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// Row is a row of the table: a fault, and what came of it.
type Row struct {
	fault, goal string
	order       int

	mu         sync.Mutex
	injections int
	results    []string
	verdict    string
	took       time.Duration
}

// table is all rows of this run.
var table struct {
	mu   sync.Mutex
	rows []*Row
}

// Begin opens a row. The test's end closes it.
func Begin(t *testing.T, fault, goal string) *Row {
	t.Helper()
	r := &Row{fault: fault, goal: goal}
	start := time.Now()
	table.mu.Lock()
	r.order = len(table.rows)
	table.rows = append(table.rows, r)
	table.mu.Unlock()
	t.Cleanup(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.took = time.Since(start)
		switch {
		case t.Failed():
			r.verdict = "FAILED"
		case t.Skipped():
			r.verdict = "not run"
		default:
			r.verdict = "ok"
		}
	})
	return r
}

// Inject counts injections of the fault.
func (r *Row) Inject(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.injections += n
}

// Result adds to what came of it.
func (r *Row) Result(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.results = append(r.results, fmt.Sprintf(format, args...))
}

// Main runs the tests of a package, has the programs built for them, wants no
// goroutine left over, and prints the table of the rows: with -v, and into the
// file that FAULTS_TABLE names.
func Main(m goleak.TestingM) {
	// Rows wait most of the time, so there may be more than processors. The full
	// counts do not.
	if !Full() {
		if err := flag.Set("test.parallel", "4"); err != nil {
			panic(err)
		}
	}
	dir, err := os.MkdirTemp("", "ft-programs-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	built = sync.OnceValues(func() (string, error) { return dir, build(dir) })
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		err := os.RemoveAll(dir)
		text := markdown()
		if testing.Verbose() && text != "" {
			fmt.Println(text)
		}
		if path := os.Getenv("FAULTS_TABLE"); path != "" && text != "" && flag.Lookup("test.list").Value.String() == "" {
			err = cmp.Or(err, os.WriteFile(path, []byte(text), 0o644))
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
		os.Exit(code)
	}))
}

func markdown() string {
	table.mu.Lock()
	rows := slices.Clone(table.rows)
	table.mu.Unlock()
	if len(rows) == 0 {
		return ""
	}
	slices.SortFunc(rows, func(a, b *Row) int { return cmp.Or(cmp.Compare(a.fault, b.fault), cmp.Compare(a.order, b.order)) })
	var b strings.Builder
	b.WriteString("| fault | injections | goal | result | time |\n|---|---|---|---|---|\n")
	for _, r := range rows {
		r.mu.Lock()
		result := strings.Join(append([]string{r.verdict}, r.results...), "; ")
		fmt.Fprintf(&b, "| %s | %d | %s | %s | %.1f s |\n", r.fault, r.injections, r.goal, cell(result), r.took.Seconds())
		r.mu.Unlock()
	}
	return b.String()
}

func cell(s string) string { return strings.NewReplacer("|", `\|`, "\n", " ").Replace(s) }
