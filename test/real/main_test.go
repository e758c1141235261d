package real

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// orphanEnv makes the test program a parent that starts a child and waits to
// be killed.
const orphanEnv = "REAL_TEST_ORPHAN"

func TestMain(m *testing.M) {
	if os.Getenv(orphanEnv) != "" {
		p, err := StartProcess(Command{
			Name: "sleep", Path: "/bin/sleep", Args: []string{"600"}, Files: []*os.File{os.NewFile(3, "alive")},
		})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(p.Pid())
		select {}
	}
	goleak.VerifyTestMain(m)
}
