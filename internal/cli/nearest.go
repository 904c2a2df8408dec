package cli

// nearest returns the name that was probably meant by word: the one that the fewest
// edits make of it, of equals the first; "" if all are more than limit edits away.
// cobra has such a search for commands alone, and takes the first name instead of the
// nearest.
func nearest(word string, names []string, limit int) (best string) {
	for _, name := range names {
		if d := editDistance(word, name); d <= limit {
			best, limit = name, d-1
		}
	}
	return best
}

// editDistance is the Levenshtein distance.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
