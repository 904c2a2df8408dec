package terminal

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"mcp-login/internal/foreign"
)

const (
	// maxPadded bounds the width of a column. A wider cell is not cut, but shifts the
	// rest of its own row: padding all rows to one long cell could cost gigabytes.
	maxPadded = 48
	// maxCell bounds a cell on a terminal, in characters; on a pipe foreign.MaxLine
	// does.
	maxCell = 100
	gap     = 3 // blanks between two columns
)

// Table prints rows under the names of their columns on stdout, "-" for an empty
// cell. Each cell is one line, bounded.
func (t *Terminal) Table(columns []string, rows [][]string) {
	limit := foreign.MaxLine
	if t.config.OutIsTerminal {
		limit = maxCell
	}
	widths := make([]int, len(columns))
	all := append([][]string{columns}, rows...)
	for i, row := range all {
		cells := make([]string, len(row))
		for j, cell := range row {
			if cells[j] = foreign.LineOf(cell, limit); cells[j] == "" {
				cells[j] = "-"
			}
			if w := width(cells[j]); w <= maxPadded {
				widths[j] = max(widths[j], w)
			}
		}
		all[i] = cells
	}
	var b strings.Builder
	window := t.columns(t.config.OutIsTerminal)
	for _, row := range all {
		var line strings.Builder
		for j, cell := range row {
			line.WriteString(cell)
			if j < len(row)-1 {
				line.WriteString(strings.Repeat(" ", max(widths[j]-width(cell), 0)+gap))
			}
		}
		b.WriteString(wrap(line.String(), window) + "\n")
	}
	t.write(t.stdout(), b.String())
}

// width is how many columns a text takes on most terminals: combining marks take
// none, East Asian wide characters and emoji two (Unicode Standard Annex 11).
func width(s string) (columns int) {
	for _, r := range s {
		columns += runeWidth(r)
	}
	return columns
}

func runeWidth(r rune) int {
	switch {
	case r < utf8.RuneSelf:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	case unicode.Is(wide, r):
		return 2
	}
	return 1
}

var wide = &unicode.RangeTable{
	R16: []unicode.Range16{{0x1100, 0x115f, 1}, {0x2e80, 0x303e, 1}, {0x3041, 0xa4cf, 1}, {0xa960, 0xa97f, 1}, {0xac00, 0xd7a3, 1}, {0xf900, 0xfaff, 1}, {0xfe30, 0xfe6f, 1}, {0xff00, 0xff60, 1}, {0xffe0, 0xffe6, 1}},
	R32: []unicode.Range32{{0x1f300, 0x1f64f, 1}, {0x1f680, 0x1f6ff, 1}, {0x1f900, 0x1faff, 1}, {0x20000, 0x3fffd, 1}},
}

// truncate returns the longest beginning of s that fits into columns on every
// terminal, see maxWidth.
func truncate(s string, columns int) string {
	for i, r := range s {
		if columns -= maxWidth(string(r)); columns < 0 {
			return s[:i]
		}
	}
	return s
}
