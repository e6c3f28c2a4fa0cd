package schemas

import (
	"iter"
	"strings"
)

// didYouMean is a sentence that names the candidate nearest to a name, or empty if none is near.
func didYouMean(name string, candidates iter.Seq[string]) string {
	if len(name) > 64 {
		return ""
	}
	best, distance := "", 3
	if len(name) < 6 {
		distance = 2
	}
	folded := fold(name)
	for candidate := range candidates {
		if d := editDistance(folded, fold(candidate)); d < distance {
			best, distance = candidate, d
		}
	}
	if best == "" {
		return ""
	}
	return " Did you mean " + best + "?"
}

// fold makes complaintId, complaint-id and complaint_id alike.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == ' ' {
			return -1
		}
		return r
	}, strings.ToLower(name))
}

// editDistance counts the insertions, deletions, replacements and swaps of neighbours between two short texts.
func editDistance(a, b string) int {
	before, above := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(row[j]+1, above[j+1]+1, above[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, above = above, row
	}
	return above[len(b)]
}

// plainName reports whether a member name is like one of ours: such a name is repeated in a pointer.
func plainName(name string) bool {
	if name == "" || len(name) > 64 || looksLikePhone(name) {
		return false
	}
	for i := range len(name) {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' && c != '.' {
			return false
		}
	}
	return true
}

// safePointer cuts a pointer before the first name that is not plain: names under extra are the sender's, and may be personal.
func safePointer(pointer string) string {
	tokens := strings.Split(pointer, "/")
	for i, token := range tokens[1:] {
		if !plainName(token) {
			return strings.Join(tokens[:i+1], "/")
		}
	}
	return pointer
}

func pointerTo(path []string) string {
	if len(path) == 0 {
		return ""
	}
	return safePointer("/" + strings.Join(path, "/"))
}
