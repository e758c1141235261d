package doctor

import "strings"

// plain has the characters that are not special in a shell.
const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+:@%,="

// shellQuote returns the path as one word of a shell command. Root runs remedies,
// and a socket may have any name.
func shellQuote(path string) string {
	if path != "" && strings.Trim(path, plain) == "" {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
