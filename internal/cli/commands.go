package cli

//go:generate go run ./gendoc

import (
	"io"

	"github.com/spf13/cobra"
)

// Commands returns the command lines of all programs, for manual pages and
// completion.
func Commands() []*cobra.Command {
	plugin, _ := newCheck(checkName, io.Discard)
	return []*cobra.Command{
		newCommand(pullProgram(), io.Discard, io.Discard),
		newCommand(processProgram(nil, nil, nil, nil), io.Discard, io.Discard),
		newCommand(centralProgram(nil, nil, nil), io.Discard, io.Discard),
		newTool(io.Discard, io.Discard, nil, nil),
		plugin,
	}
}
