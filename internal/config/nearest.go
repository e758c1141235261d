package config

import "strings"

// meant returns `; did you mean "x"?` for the known name that is closest to the given
// one, or "" if none is close.
func meant(name string, known []string) string {
	if best := nearest(name, known); best != "" {
		return `; did you mean "` + best + `"?`
	}
	return ""
}

// nearest returns the known name with the fewest changes to the given one, or "" if
// each differs in more than a third of the name. Upper case and "_" instead of "-" are
// not changes.
func nearest(name string, known []string) string {
	best, least := "", max(1, len(name)/3)+1
	for _, k := range known {
		if d := distance(normalized(name), normalized(k)); d < least {
			best, least = k, d
		}
	}
	return best
}

func normalized(name string) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimSpace(name)), "_", "-")
}

// distance counts the insertions, removals, replacements and swaps of
// neighbours that turn a into b (optimal string alignment).
func distance(a, b string) int {
	var before, above []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, above, row = above, row, make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(above[j+1]+1, row[j]+1, above[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}

// nearestTo returns the known name that a pattern would match with the fewest changes to
// the pattern, or "" if each needs more than a third of the pattern.
func nearestTo(pattern string, known []string) string {
	best, least := "", max(1, len(strings.ReplaceAll(pattern, "*", ""))/3)+1
	for _, k := range known {
		if d := distanceTo(normalized(pattern), normalized(k)); d < least {
			best, least = k, d
		}
	}
	return best
}

// distanceTo counts the insertions, removals and replacements that make a pattern match a
// name. `*` matches any characters, and `?` one.
func distanceTo(pattern, name string) int {
	row := make([]int, len(name)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(pattern) {
		above := row
		row = make([]int, len(name)+1)
		star := pattern[i] == '*'
		row[0] = above[0] + 1
		if star {
			row[0] = above[0]
		}
		for j := range len(name) {
			if star {
				row[j+1] = min(above[j+1], row[j])
				continue
			}
			cost := 1
			if pattern[i] == name[j] || pattern[i] == '?' {
				cost = 0
			}
			row[j+1] = min(above[j+1]+1, row[j]+1, above[j]+cost)
		}
	}
	return row[len(name)]
}
