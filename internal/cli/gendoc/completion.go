package main

import (
	"bytes"

	"github.com/spf13/cobra"
)

// shell is a shell that completes arguments. Its scripts ask the program itself, so
// they fit every version.
type shell struct {
	name string
	// file returns the name under which the shell looks for a program's script.
	file func(program string) string
	// write writes the script.
	write func(*cobra.Command, *bytes.Buffer) error
}

var shells = []shell{
	{
		"bash", func(program string) string { return program },
		func(c *cobra.Command, w *bytes.Buffer) error { return c.GenBashCompletionV2(w, true) },
	},
	{
		"fish", func(program string) string { return program + ".fish" },
		func(c *cobra.Command, w *bytes.Buffer) error { return c.GenFishCompletion(w, true) },
	},
	{
		"zsh", func(program string) string { return "_" + program },
		func(c *cobra.Command, w *bytes.Buffer) error { return c.GenZshCompletion(w) },
	},
}

func (s shell) script(cmd *cobra.Command) ([]byte, error) {
	var w bytes.Buffer
	err := s.write(cmd, &w)
	return w.Bytes(), err
}
