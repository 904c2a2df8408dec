package commandline

import (
	"slices"
	"strings"
)

// secrets are words in the names of flags whose value is one.
var secrets = []string{"secret", "token", "password", "passwd", "passphrase", "bearer", "key", "credential"}

// Secret reports whether the name of a flag is one of a secret, also where it is misspelled.
func Secret(flag string) bool {
	flag = strings.ToLower(flag)
	return slices.ContainsFunc(secrets, func(word string) bool {
		for part := range strings.FieldsFuncSeq(flag, func(r rune) bool { return r == '-' || r == '_' }) {
			if strings.Contains(part, word) || distance(part, word) <= len(word)/3 {
				return true
			}
		}
		return false
	})
}

// Similar returns the names that word probably stands for: one that ends with the
// word behind a dash, or that is one edit away,
// else those that begin with the word, or have it in them, or that the word begins
// with; else the one that the fewest edits make of it. A word of one letter is similar
// to nothing, because a short name is a few edits away from all words.
func Similar(word string, names []string) []string {
	word = strings.ToLower(word)
	if len(word) < 2 {
		return nil
	}
	negated := strings.HasPrefix(word, "no-") || strings.HasPrefix(word, "un")
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return negated && !strings.HasPrefix(name, word[:2]) })
	for _, alike := range []func(name string) bool{
		func(name string) bool { return strings.HasSuffix(name, "-"+word) },
		func(name string) bool { return len(word) > 3 && distance(word, name) < 2 },
		func(name string) bool { return strings.HasPrefix(name, word) },
		func(name string) bool { return len(word) > 2 && strings.Contains(name, word) },
		func(name string) bool { return len(name) > 2 && strings.HasPrefix(word, name) },
		func(name string) bool { return slices.Contains(strings.Split(word, "-"), name) },
	} {
		if all := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !alike(strings.ToLower(name)) }); len(all) > 0 {
			return all
		}
	}
	best, limit := "", min(1+len(word)/4, 3)
	for _, name := range names {
		if d := distance(word, strings.ToLower(name)); d <= limit {
			best, limit = name, d-1
		}
	}
	if best == "" {
		return nil
	}
	return []string{best}
}

// distance is how many letters have to be inserted, removed, replaced or exchanged with
// their neighbour to make b of a (optimal string alignment).
func distance(a, b string) int {
	var before []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next := make([]int, len(b)+1)
		next[0] = i + 1
		for j := range len(b) {
			cost := row[j]
			if a[i] != b[j] {
				cost++
			}
			next[j+1] = min(cost, next[j]+1, row[j+1]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
