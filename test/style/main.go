// Style checks that Markdown is wrapped, and that words on the list in vocabulary.tsv do
// not come back. It prints each finding with its position and the better word, and exits
// with status 1 if there is one.
//
//	go run ./test/style
package main

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
)

func main() {
	found, err := check(".")
	if err != nil {
		fmt.Fprintln(os.Stderr, "style:", err)
		os.Exit(2)
	}
	for _, f := range found {
		fmt.Println(f)
	}
	if len(found) > 0 {
		os.Exit(1)
	}
}

// check reads the files of a checkout that people read.
func check(dir string) ([]string, error) {
	words, err := readVocabulary(vocabulary)
	if err != nil {
		return nil, err
	}
	files, err := tracked(dir)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, file := range files {
		text, err := os.ReadFile(dir + "/" + file)
		if err != nil {
			return nil, err
		}
		prose, err := proseOf(file, string(text))
		if err != nil {
			return nil, err
		}
		found = append(found, words.find(file, prose)...)
		if strings.HasSuffix(file, ".md") {
			found = append(found, tooWide(file, string(text))...)
		}
	}
	return found, nil
}

// tracked returns the files that are checked, of those that git tracks: neither
// what tests read nor what is not ours.
func tracked(dir string) ([]string, error) {
	out, err := exec.Command("git", "-C", dir, "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		return nil, fmt.Errorf("git ls-files in %s: %w", dir, err)
	}
	var files []string
	for file := range strings.SplitSeq(string(out), "\x00") {
		if _, err := os.Lstat(dir + "/" + file); file == "" || err != nil { // removed, and not yet committed
			continue
		}
		ours := !strings.Contains("/"+file, "/testdata/") && !strings.HasPrefix(file, "test/style/")
		if ours && slices.ContainsFunc([]string{".go", ".md", ".conf", ".service", ".1", ".5"}, func(end string) bool { return strings.HasSuffix(file, end) }) {
			files = append(files, file)
		}
	}
	return files, nil
}
