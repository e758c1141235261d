package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"haproxystats/test/real"

	"haproxystats/test/programs"
)

// Each script completes the line in $2 with the script of completion in $1, and
// prints what it finds, a line each.

const inBash = `
source "$3"
source "$1"
read -ra COMP_WORDS <<<"$2"
[[ $2 == *" " ]] && COMP_WORDS+=("")
COMP_LINE=$2 COMP_POINT=${#2} COMP_TYPE=9 COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
compopt() { :; } # works only while a line is being edited
"__start_${COMP_WORDS[0]}"
[[ ${#COMPREPLY[@]} -eq 0 ]] || printf '%s\n' "${COMPREPLY[@]}"
`

const inZsh = `
compdef() { : }
_describe() { print -l -- ${${(P)argv[-3]}%%:*} }
_arguments() { eval "${1##*:}" }
_files() { print -l -- ${~argv[-1]} }
source "$1"
words=(${(z)2}); [[ $2 == *" " ]] && words+=("")
CURRENT=${#words}
"_${words[1]}"
`

const inFish = `
source $argv[1]
complete -C $argv[2] | string replace -r '\t.*' ''
true # also without completions
`

// TestCompletion presses the tab key in three shells.
func TestCompletion(t *testing.T) {
	bin := t.TempDir()
	if err := programs.Build(t.Context(), bin); err != nil {
		t.Fatal(err)
	}
	there := t.TempDir()
	for _, file := range []string{"site.conf", "notes.txt"} {
		if err := os.WriteFile(filepath.Join(there, file), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	scripts, err := filepath.Abs(filepath.Join(root, "contrib/completion"))
	if err != nil {
		t.Fatal(err)
	}
	shells := []struct {
		name, file string // of a program's script, below contrib/completion
		args       func(t *testing.T, script, line string) []string
	}{
		{"bash", "bash/%", func(t *testing.T, script, line string) []string {
			t.Helper()
			return []string{"bash", "--norc", "--noprofile", "-c", inBash, "bash", script, line, real.Need(t, "bash-completion")}
		}},
		{"zsh", "zsh/_%", func(t *testing.T, script, line string) []string {
			t.Helper()
			return []string{real.Need(t, "zsh"), "-f", "-c", inZsh, "zsh", script, line}
		}},
		{"fish", "fish/%.fish", func(t *testing.T, script, line string) []string {
			t.Helper()
			return []string{real.Need(t, "fish"), "--no-config", "-c", inFish, script, line}
		}},
	}
	tests := []struct {
		line string
		want []string
	}{
		{"haproxystats-pull --pr", []string{"--print", "--print-conf"}},
		{"haproxystats-process --fi", []string{"--file"}},
		{"haproxystats-process -f s", []string{"site.conf"}},
		{"haproxystats-pull ", nil}, // it takes no arguments
		{"haproxystats d", []string{"doctor"}},
		{"haproxystats replay --fr", []string{"--from"}},
		{"check_haproxystats --mo", []string{"--mode"}},
		{"check_haproxystats so", []string{"sockets"}},
	}
	for _, shell := range shells {
		for _, test := range tests {
			t.Run(shell.name+"/"+test.line, func(t *testing.T) {
				program, _, _ := strings.Cut(test.line, " ")
				script := filepath.Join(scripts, strings.ReplaceAll(shell.file, "%", program))
				args := shell.args(t, script, test.line)
				cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
				cmd.Dir = there
				cmd.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + there}
				var stderr strings.Builder
				cmd.Stderr = &stderr
				out, err := cmd.Output()
				if err != nil || stderr.Len() > 0 {
					t.Fatalf("%v\n%s", err, &stderr)
				}
				got := strings.Fields(strings.ReplaceAll(string(out), "=", ""))
				slices.Sort(got)
				got = slices.Compact(got)
				if diff := cmp.Diff(test.want, got); len(test.want)+len(got) > 0 && diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}
