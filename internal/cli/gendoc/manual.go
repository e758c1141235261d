package main

import (
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"haproxystats/internal/check"
	"haproxystats/internal/man"
)

// texts hold what a command line does not say: a file for each program. CHECKS,
// COMMANDS and OPTIONS are headings alone there, and are filled in.
//
//go:embed text
var texts embed.FS

func readVersion(dir string) (string, error) {
	version, err := os.ReadFile(filepath.Join(dir, "VERSION"))
	return strings.TrimSpace(string(version)), err
}

// manual makes the page of a program.
func manual(cmd *cobra.Command, version string) ([]byte, error) {
	text, err := texts.ReadFile("text/" + cmd.Name() + ".md")
	if err != nil {
		return nil, err
	}
	page := man.New(cmd.Name(), 1, "haproxystats "+version, "User Commands", lower(cmd.Short))
	page.Section("SYNOPSIS")
	synopsis(page, cmd)
	rest := string(text)
	for _, heading := range []struct {
		name string
		fill func(*man.Page, *cobra.Command)
	}{
		{"CHECKS", checks},
		{"COMMANDS", commands},
		{"OPTIONS", options},
	} {
		before, after, found := strings.Cut(rest, "# "+heading.name+"\n")
		if !found {
			continue
		}
		page.Text(before)
		page.Section(heading.name)
		heading.fill(page, cmd)
		rest = after
	}
	page.Text(rest)
	return page.Bytes()
}

// synopsis writes one line for each use of a program.
func synopsis(page *man.Page, cmd *cobra.Command) {
	var alone []string
	for _, f := range flags(cmd) {
		if aside(f) {
			alone = append(alone, "`-"+f.Shorthand+"`")
		}
	}
	for _, sub := range subcommands(cmd) {
		page.Usage(usage(sub))
	}
	if len(subcommands(cmd)) == 0 {
		page.Usage(usage(cmd))
	}
	page.Usage("`" + cmd.Name() + "` " + strings.Join(alone, " | "))
}

// usage returns a line of a synopsis: options, then arguments.
func usage(cmd *cobra.Command) string {
	words := []string{"`" + cmd.CommandPath() + "`"}
	groups := map[string]int{} // the position of an exclusive group
	for _, f := range flags(cmd) {
		if aside(f) {
			continue
		}
		word := strings.Join(append(spellings(f)[:1], value(f)...), " ")
		group := strings.Join(f.Annotations["cobra_annotation_mutually_exclusive"], ";")
		if at, again := groups[group]; again && group != "" {
			words[at] = strings.TrimSuffix(words[at], "]") + " | " + word + "]"
			continue
		}
		groups[group] = len(words)
		words = append(words, "["+word+"]")
	}
	for argument := range strings.FieldsSeq(cmd.Use) {
		if argument != cmd.Name() && argument != "[flags]" {
			words = append(words, "*"+argument+"*")
		}
	}
	return strings.Join(words, " ")
}

// commands writes each sub-command with its options.
func commands(page *man.Page, cmd *cobra.Command) {
	for _, sub := range subcommands(cmd) {
		page.Subsection(sub.Name())
		page.Text(sub.Long)
		options(page, sub)
	}
}

// checks writes the checks of the monitoring plugin.
func checks(page *man.Page, _ *cobra.Command) {
	for _, m := range check.Modes() {
		page.Define("`"+m.Name+"`", fmt.Sprintf("%s\n\nValue: %s. Thresholds, if none are given: %s.", sentence(m.Short), m.Value, m.Thresholds))
	}
}

// noDefaults are values of flags that mean that nothing is set.
var noDefaults = []string{"", "0", "false", "[]"}

// options writes each flag.
func options(page *man.Page, cmd *cobra.Command) {
	for _, f := range flags(cmd) {
		if cmd.HasParent() && aside(f) {
			continue
		}
		term := strings.Join(append([]string{strings.Join(spellings(f), ", ")}, value(f)...), " ")
		_, text := pflag.UnquoteUsage(f)
		text = sentence(strings.ReplaceAll(text, "*.conf", "`*.conf`"))
		if d := f.DefValue; !slices.Contains(noDefaults, d) && !strings.Contains(text, "(default") {
			text += " The default is `" + d + "`."
		}
		page.Define(term, text)
	}
}

// flags returns the flags of a command in the order of its help.
func flags(cmd *cobra.Command) []*pflag.Flag {
	var found []*pflag.Flag
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			found = append(found, f)
		}
	})
	return found
}

func subcommands(cmd *cobra.Command) []*cobra.Command {
	return slices.DeleteFunc(slices.Clone(cmd.Commands()), func(c *cobra.Command) bool { return !c.IsAvailableCommand() })
}

// aside reports whether a flag is used without any other.
func aside(f *pflag.Flag) bool { return f.Name == "help" || f.Name == "version" }

// spellings returns a flag's names, the short one first.
func spellings(f *pflag.Flag) []string {
	long := "`--" + f.Name + "`"
	if f.Shorthand == "" {
		return []string{long}
	}
	return []string{"`-" + f.Shorthand + "`", long}
}

// value returns the name of a flag's value, if it has one.
func value(f *pflag.Flag) []string {
	name, _ := pflag.UnquoteUsage(f)
	if name == "" || f.NoOptDefVal != "" {
		return nil
	}
	return []string{"*" + name + "*"}
}

// sentence capitalises a text and ends it with a full stop. The name of a program
// stays as it is.
func sentence(text string) string {
	text = strings.TrimSuffix(text, ".") + "."
	if strings.HasPrefix(text, "haproxystats") {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// lower begins a text with a lower-case letter, unless its first word is a name.
func lower(text string) string {
	first, _, _ := strings.Cut(text, " ")
	if strings.ContainsFunc(first[1:], unicode.IsUpper) {
		return text
	}
	return strings.ToLower(text[:1]) + text[1:]
}
