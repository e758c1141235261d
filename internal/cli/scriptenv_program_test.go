package cli_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
)

// process is a program that runs.
type process struct {
	cmd    *exec.Cmd
	stdout bytes.Buffer // not before its end
	log    watched[output]
}

// output is what a program has written to stderr so far.
type output struct {
	text  string
	ended bool
}

// Write implements [io.Writer], for stderr.
func (p *process) Write(b []byte) (int, error) {
	p.log.update(func(o output) output { return output{o.text + string(b), o.ended} })
	return len(b), nil
}

func (s *stage) start(ts *testscript.TestScript, name string, argv []string) *process {
	if s.programs[name] != nil {
		ts.Fatalf("%s runs already", name)
	}
	p := &process{cmd: exec.Command(argv[0], argv[1:]...)}
	p.cmd.Dir = ts.MkAbs(".")
	p.cmd.Env = s.env
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, p
	ts.Check(p.cmd.Start())
	s.programs[name] = p
	go func() {
		_ = p.cmd.Wait() // the exit status is in cmd.ProcessState
		p.log.update(func(o output) output { return output{o.text, true} })
	}()
	return p
}

// exited waits for the end of a program and takes its output for that of the
// script's last command.
func (s *stage) exited(ts *testscript.TestScript, name string, status int) {
	p := s.program(ts, name)
	o, ok := p.log.wait(func(o output) bool { return o.ended })
	if !ok {
		ts.Fatalf("%s does not end; its log:\n%s", name, o.text)
	}
	delete(s.programs, name)
	_, _ = ts.Stdout().Write(p.stdout.Bytes())
	_, _ = ts.Stderr().Write([]byte(o.text))
	if got := p.cmd.ProcessState; got.ExitCode() != status {
		ts.Fatalf("%s: %v, want exit status %d; its log:\n%s", name, got, status, o.text)
	}
}

func (s *stage) program(ts *testscript.TestScript, name string) *process {
	p := s.programs[name]
	if p == nil {
		ts.Fatalf("%s does not run", name)
	}
	return p
}

// logs returns what the programs that run have said, for a failure's message.
func (s *stage) logs() string {
	var all strings.Builder
	for name, p := range s.programs {
		fmt.Fprintf(&all, "; the log of %s:\n%s", name, p.log.get().text)
	}
	return all.String()
}

// kill ends what a script has left running.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	p.log.wait(func(o output) bool { return o.ended })
}

func cmdRun(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: run status program [arg...]")
	}
	s := onStage(ts)
	s.start(ts, args[1], args[1:])
	s.exited(ts, args[1], number(ts, args[0]))
}

func cmdStart(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start name program [arg...]")
	}
	onStage(ts).start(ts, args[0], args[1:])
}

func cmdLog(ts *testscript.TestScript, neg bool, args []string) {
	count := 1
	if len(args) == 3 {
		text, ok := strings.CutPrefix(args[1], "-count=")
		if ok {
			count = number(ts, text)
			args = []string{args[0], args[2]}
		}
	}
	if len(args) != 2 {
		ts.Fatalf("usage: [!] log name [-count=n] regexp")
	}
	p := onStage(ts).program(ts, args[0])
	re, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	matches := func(o output) bool { return len(re.FindAllStringIndex(o.text, -1)) >= count }
	if neg {
		if o := p.log.get(); matches(o) {
			ts.Fatalf("the log of %s has %q:\n%s", args[0], args[1], o.text)
		}
		return
	}
	o, _ := p.log.wait(func(o output) bool { return o.ended || matches(o) })
	if !matches(o) {
		ts.Fatalf("the log of %s has not %q (%d times):\n%s", args[0], args[1], count, o.text)
	}
}

var signals = map[string]os.Signal{
	"TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP, "INT": syscall.SIGINT, "KILL": syscall.SIGKILL,
	"USR1": syscall.SIGUSR1,
}

// cmdVariable sets a variable in the environment of the programs that start later.
func cmdVariable(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: variable name value")
	}
	s := onStage(ts)
	s.env = append(s.env, args[0]+"="+args[1])
}

func cmdSignal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 || signals[args[1]] == nil {
		ts.Fatalf("usage: signal name TERM|HUP|INT|KILL|USR1")
	}
	ts.Check(onStage(ts).program(ts, args[0]).cmd.Process.Signal(signals[args[1]]))
}

func cmdExited(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: exited name status")
	}
	onStage(ts).exited(ts, args[0], number(ts, args[1]))
}

func cmdEnd(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 1 {
		args = append(args, "TERM")
	}
	cmdSignal(ts, neg, args)
	onStage(ts).exited(ts, args[0], 0)
}

func number(ts *testscript.TestScript, text string) int {
	n, err := strconv.Atoi(text)
	ts.Check(err)
	return n
}
