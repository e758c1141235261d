package top

import "context"

// ShowOptions say what a screen shows at first.
type ShowOptions struct {
	Source Source
	// Kinds are those of the first view, and Query is its query.
	Kinds []Kind
	Query Query
	// Colours reports whether colours are wanted.
	Colours bool
}

// Show shows the rows of a source in the terminal until the user ends it.
type Show func(ctx context.Context, o ShowOptions) error
