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
	// maxCell bounds a cell on a terminal, in characters; on a pipe foreign.MaxMessage
	// does.
	maxCell = 400
	gap     = 3 // blanks between two columns
	// minLast is the narrowest last column whose cells are broken.
	minLast = 24
)

// Table prints rows under the names of their columns on stdout, "-" for an empty
// cell. Each cell is bounded, and one line; in a window that is too narrow the last
// column is broken, or each row becomes a card: its first cell, and the others below it
// with their names.
func (t *Terminal) Table(columns []string, rows [][]string) {
	limit := foreign.MaxMessage
	if t.config.OutIsTerminal {
		limit = maxCell
	}
	w := table{window: t.columns(t.config.OutIsTerminal), widths: make([]int, len(columns))}
	for _, row := range append([][]string{columns}, rows...) {
		w.add(row, limit)
	}
	switch {
	case w.window < minColumns || w.fits(func(cell string) int { return maxWidth(cell) }):
		w.print(0)
	case w.fits(longestWord) && w.window-w.left() >= minLast:
		w.print(w.window)
	default:
		w.cards()
	}
	t.write(t.stdout(), w.out.String())
}

// table is a table that is being set; its first row are the names of the columns.
type table struct {
	window int
	widths []int
	rows   [][]string
	out    strings.Builder
}

func (w *table) add(row []string, limit int) {
	cells := make([]string, len(row))
	for j, cell := range row {
		if cells[j] = foreign.LineOf(cell, limit); cells[j] == "" {
			cells[j] = "-"
		}
		if n := width(cells[j]); n <= maxPadded {
			w.widths[j] = max(w.widths[j], n)
		}
	}
	w.rows = append(w.rows, cells)
}

// left is how many columns stand before the last one.
func (w *table) left() (columns int) {
	for _, n := range w.widths[:len(w.widths)-1] {
		columns += n + gap
	}
	return columns
}

// fits reports whether all rows are as wide as the window at most, if their last cells
// have a width of so many columns.
func (w *table) fits(last func(cell string) int) bool {
	for _, row := range w.rows {
		columns := 0
		for j, cell := range row[:len(row)-1] {
			columns += max(w.widths[j], maxWidth(cell)) + gap
		}
		if columns+last(row[len(row)-1]) > w.window {
			return false
		}
	}
	return true
}

// print sets the rows side by side, and breaks the last cells at the window; 0 is none.
func (w *table) print(window int) {
	below := strings.Repeat(" ", w.left())
	for _, row := range w.rows {
		var line strings.Builder
		for j, cell := range row[:len(row)-1] {
			line.WriteString(cell + strings.Repeat(" ", max(w.widths[j]-width(cell), 0)+gap))
		}
		w.out.WriteString(hang(line.String()+row[len(row)-1], window, below) + "\n")
	}
}

// cards sets each row as a card. Empty cells are left out.
func (w *table) cards() {
	names, widest := w.rows[0], 0
	for _, name := range names[1:] {
		widest = max(widest, width(name))
	}
	for i, row := range w.rows[1:] {
		if i > 0 {
			w.out.WriteByte('\n')
		}
		w.out.WriteString(wrap(row[0], w.window) + "\n")
		for j, cell := range row[1:] {
			name := indent + strings.ToLower(names[j+1])
			below := strings.Repeat(" ", len(indent)+widest+gap-1)
			switch {
			case cell == "-":
			case len(below)+longestWord(cell) > w.window:
				w.out.WriteString(name + "\n" + hang(indent+indent+cell, w.window, indent+indent) + "\n")
			default:
				w.out.WriteString(hang(name+strings.Repeat(" ", len(below)-width(name))+cell, w.window, below) + "\n")
			}
		}
	}
}

// longestWord is how many columns the longest word of a text can take.
func longestWord(text string) (columns int) {
	for word := range strings.SplitSeq(text, " ") {
		columns = max(columns, maxWidth(word))
	}
	return columns
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
