//go:build !portable

package status

import "os"

const takesLongPaths = true

// thisClient is what the kernel tells of this process.
func thisClient() client { return client{os.Getpid(), os.Getuid()} }
