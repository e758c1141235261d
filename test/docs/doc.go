// Package docs tests the documents: links have targets, the commands and messages that
// documents quote exist, manual pages are well-formed, and completion works in each shell.
package docs
