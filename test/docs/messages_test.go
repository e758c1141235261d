package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const operations = "docs/operations.md"

// source is what the programs can say.
type source struct {
	texts  []string // all string literals
	logged []string // messages of warnings and errors, in which something is wrong
}

// readSource reads the source of the programs.
func readSource(t *testing.T) source {
	t.Helper()
	var s source
	generator := regexp.MustCompile(`/(gendoc|haproxysim|sinktest|internal/man)/`)
	err := fs.WalkDir(os.DirFS(filepath.Join(root, "internal")), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") || generator.MatchString("/internal/"+path) {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, "internal", path), nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BasicLit:
				if n.Kind == token.STRING {
					s.texts = append(s.texts, text(n))
				}
			case *ast.BinaryExpr:
				s.texts = append(s.texts, text(n))
			case *ast.CallExpr:
				if m := message(n); m != "" {
					s.logged = append(s.logged, m)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.logged) < 50 {
		t.Fatalf("only %d messages", len(s.logged))
	}
	return s
}

// text is that of a literal, or of several that are added up.
func text(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if s, err := strconv.Unquote(e.Value); err == nil && e.Kind == token.STRING {
			return s
		}
	case *ast.BinaryExpr:
		if e.Op == token.ADD {
			return text(e.X) + text(e.Y)
		}
	}
	return ""
}

// message is what a call logs, if it is a warning or worse.
func message(call *ast.CallExpr) string {
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	at := -1
	switch method.Sel.Name {
	case "Warn", "Error":
		at = 0
	case "Log":
		at = 2
	}
	if at < 0 || len(call.Args) <= at {
		return ""
	}
	return text(call.Args[at])
}

// quoted are the messages in the tables of the document's sections on messages.
func quoted(t *testing.T) []string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(root, operations))
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(page), "\n## Messages\n")
	if !found {
		t.Fatal("no section of messages")
	}
	var messages []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(section, -1) {
		messages = append(messages, row[1])
	}
	if len(messages) < 50 {
		t.Fatalf("only %d messages", len(messages))
	}
	return messages
}

// TestMessagesExist looks for every message of the document in the programs. An
// ellipsis stands for anything.
func TestMessagesExist(t *testing.T) {
	s := readSource(t)
	for _, m := range quoted(t) {
		parts := strings.Split(m, "…")
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		pattern := regexp.MustCompile(strings.Join(parts, ".*"))
		if !slices.ContainsFunc(s.texts, pattern.MatchString) {
			t.Errorf("%s quotes %q, which no program says", operations, m)
		}
	}
}

// TestMessagesAreExplained looks for every warning and error of the programs in
// the document.
func TestMessagesAreExplained(t *testing.T) {
	explained := quoted(t)
	for _, m := range readSource(t).logged {
		if !slices.Contains(explained, m) {
			t.Errorf("%s does not explain %q", operations, m)
		}
	}
}

// TestQuotesExist looks for what the rest of the document quotes of messages: code
// of several plain words that is no command.
func TestQuotesExist(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, operations))
	if err != nil {
		t.Fatal(err)
	}
	before, _, _ := strings.Cut(string(page), "\n## Messages\n")
	command := regexp.MustCompile(`^(apk|apt|check_haproxystats|chmod|dnf|haproxystats|journalctl|level|make|show|stats|systemctl|usermod) `)
	s := readSource(t)
	quotes := 0
	for _, code := range parse(operations, before).code {
		if !regexp.MustCompile(`^[a-z]+( [a-z]+)+`).MatchString(code) || strings.Contains(code, "\n") || command.MatchString(code) {
			continue
		}
		quotes++
		if !slices.ContainsFunc(s.texts, func(text string) bool { return strings.Contains(text, code) }) {
			t.Errorf("%s quotes %q, which no program says", operations, code)
		}
	}
	if quotes < 5 {
		t.Errorf("only %d quotes were found", quotes)
	}
}
