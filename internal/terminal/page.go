package terminal

import (
	"regexp"
	"strings"
	"sync"
)

const (
	// pageColumns is the widest that a page is set: on a pipe, and in a wider window.
	pageColumns = 80
	// maxUnbroken is the longest code within a line that is not broken at a blank.
	maxUnbroken = 48
	// kept stands for a blank at which a line is not broken.
	kept = "\x00"
)

// Page prints a page of the documentation on stdout. It is Markdown as docs/ uses it:
// headings, paragraphs, lists, tables, fenced code, and within a line code, bold, emphasis,
// links and pictures. Drawings (mermaid) and comments are left out. Lines are as long as the
// window is wide, at most 80 columns; code and long words stay whole. link returns what
// stands for an address behind the words of a link, "" for nothing. Escape sequences are
// written where colours are wanted.
func (t *Terminal) Page(markdown string, link func(address string) string) {
	p := page{columns: t.PageColumns(), styled: t.config.OutIsTerminal && !t.config.Plain, link: link}
	lines := strings.Split(strings.ReplaceAll(markdown, "\r\n", "\n"), "\n")
	for len(lines) > 0 {
		lines = lines[min(p.block(lines), len(lines)):]
	}
	t.write(t.stdout(), strings.ReplaceAll(p.out.String(), kept, " "))
}

// PageColumns is how wide a page on stdout is: as the window, at most 80 columns.
func (t *Terminal) PageColumns() int {
	if window := t.columns(t.config.OutIsTerminal); window >= minColumns {
		return min(window, pageColumns)
	}
	return pageColumns
}

// page is a page that is being set.
type page struct {
	columns int
	styled  bool
	link    func(address string) string
	out     strings.Builder
	gap     bool // the source has an empty line here
}

// block sets the block that lines begin with and returns how many lines it has.
func (p *page) block(lines []string) int {
	text := strings.TrimSpace(lines[0])
	indent := lines[0][:len(lines[0])-len(strings.TrimLeft(lines[0], " "))]
	switch {
	case text == "":
		p.gap = true
		return 1
	case strings.HasPrefix(text, "<!--"):
		return 1 + until(lines, func(line string) bool { return strings.HasSuffix(line, "-->") })
	case text == "```mermaid":
		return 2 + until(lines[1:], func(line string) bool { return line == "```" })
	case strings.HasPrefix(text, "#"):
		p.heading(text)
		return 1
	}
	p.begin()
	switch {
	case strings.HasPrefix(text, "```"):
		end := 1 + until(lines[1:], func(line string) bool { return line == "```" })
		for _, line := range lines[1:end] {
			p.out.WriteString(strings.TrimRight("    "+line, " ") + "\n")
		}
		return end + 1
	case strings.HasPrefix(text, "|"):
		end := until(lines, func(line string) bool { return !strings.HasPrefix(line, "|") })
		p.table(indent, lines[:end])
		return end
	}
	end := 1 + until(lines[1:], func(line string) bool {
		return line == "" || marker(line) != "" || strings.HasPrefix(line, "```") || line[0] == '|' || line[0] == '#'
	})
	item := marker(text)
	all := strings.TrimSpace(strings.Join(lines[:end], " "))[len(item):]
	p.fill(indent+item, indent+strings.Repeat(" ", len(item)), p.inline(all))
	return end
}

// begin writes the empty line in front of a block that has one.
func (p *page) begin() {
	if p.gap && p.out.Len() > 0 {
		p.out.WriteByte('\n')
	}
	p.gap = false
}

// until returns the index of the first line that is the end, or how many there are.
func until(lines []string, end func(line string) bool) int {
	for i, line := range lines {
		if end(strings.TrimSpace(line)) {
			return i
		}
	}
	return len(lines)
}

// marker is what an item of a list begins with, "" for another line.
func marker(line string) string {
	digits := len(line) - len(strings.TrimLeft(line, "0123456789"))
	if n := max(digits, 1) + 1; len(line) > n && (digits > 0 && line[digits:n+1] == ". " || line[:2] == "- " || line[:2] == "* ") {
		return line[:n+min(digits, 1)]
	}
	return ""
}

func (p *page) heading(text string) {
	p.gap = true
	p.begin()
	rule := "-"
	if strings.HasPrefix(text, "# ") {
		rule = "="
	}
	text = p.inline(strings.TrimLeft(text, "# "))
	p.out.WriteString(p.style(boldOn, text, boldOff) + "\n")
	if !p.styled {
		p.out.WriteString(strings.Repeat(rule, width(text)) + "\n")
	}
}

// table sets a table in columns if all but the last are narrow, else each row as a line with
// its last cell below.
func (p *page) table(indent string, lines []string) {
	rows, widths := [][]string{}, []int{}
	for i, line := range lines {
		if i == 1 { // the rule below the names of the columns
			continue
		}
		line = strings.ReplaceAll(strings.Trim(strings.TrimSpace(line), "|"), `\|`, kept)
		cells := strings.Split(line, "|")
		widths = append(widths, make([]int, max(0, len(cells)-len(widths)))...)
		for j, cell := range cells {
			cells[j] = p.inline(strings.ReplaceAll(strings.TrimSpace(cell), kept, "|"))
			if i == 0 {
				cells[j] = p.style(boldOn, cells[j], boldOff)
			}
			widths[j] = max(widths[j], visible(cells[j]))
		}
		rows = append(rows, cells)
	}
	last, left := len(widths)-1, len(indent)
	for _, w := range widths[:last] {
		left += w + gap
	}
	inColumns := left+widths[last] <= p.columns || left <= p.columns*2/5
	for _, cells := range rows {
		first, end := cells[:len(cells)-1], cells[len(cells)-1]
		if !inColumns {
			p.fill(indent, indent+"  ", strings.Join(first, " "+kept))
			p.fill(indent+"      ", indent+"      ", end)
			continue
		}
		padded := indent
		for j, cell := range first {
			padded += cell + strings.Repeat(" ", widths[j]-visible(cell)+gap)
		}
		p.fill(padded, strings.Repeat(" ", left), end)
	}
}

// fill sets words between a first and the other indents and the last column. Without a word
// it writes what is in first, if that is anything.
func (p *page) fill(first, rest, text string) {
	row, column, empty := first, visible(first), true
	for word := range strings.FieldsSeq(text) {
		if !empty && column+1+visible(word) > p.columns {
			p.out.WriteString(row + "\n")
			row, column, empty = rest, visible(rest), true
		}
		if !empty {
			word = " " + word
		}
		row, column, empty = row+word, column+visible(word), false
	}
	if row = strings.TrimRight(row, " "+kept); row != "" {
		p.out.WriteString(row + "\n")
	}
}

// inlines finds what stands within a line: code; a link or picture, its words and its address;
// bold; emphasis; and a character behind a backslash.
var inlines = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile("`([^`]+)`" + `|!?\[([^\]]*)\]\(([^)]*)\)|\*\*([^*]+(?:\*[^*]+)*)\*\*|\*([^*\s][^*]*)\*|\\(.)`)
})

// inline sets what stands within a line.
func (p *page) inline(text string) string {
	return inlines().ReplaceAllStringFunc(text, func(found string) string {
		m := inlines().FindStringSubmatch(found)
		code, label, address, strong, rest := m[1], m[2], m[3], m[4], m[5]+m[6]
		switch {
		case code != "":
			return p.code(code)
		case strong != "":
			return p.style(boldOn, p.inline(strong), boldOff)
		case rest != "":
			return rest
		case found[0] == '!':
			return "(picture: " + label + ")"
		}
		shown := p.link(address)
		if strings.Contains(shown, " ") {
			shown = p.code(shown) // a command
		}
		switch {
		case shown == "":
			return p.inline(label)
		case label == address, label == shown:
			return shown
		}
		return p.inline(label) + " (" + shown + ")"
	})
}

// code sets code within a line: coloured, or between the marks that it has in the source.
func (p *page) code(text string) string {
	if len(text) <= maxUnbroken {
		text = strings.ReplaceAll(text, " ", kept)
	}
	if !p.styled {
		return "`" + text + "`"
	}
	return p.style(codeOn, text, codeOff)
}

// The escape sequences of a page (ECMA-48, SGR).
const (
	boldOn, boldOff = "\x1b[1m", "\x1b[22m"
	codeOn, codeOff = "\x1b[36m", "\x1b[39m"
)

// style puts text between two of them, where there are any.
func (p *page) style(on, text, off string) string {
	if !p.styled || text == "" {
		return text
	}
	return on + text + off
}

// visible is how many columns text takes without them.
func visible(text string) int {
	columns := width(text)
	for _, sequence := range []string{boldOn, boldOff, codeOn, codeOff} {
		columns -= strings.Count(text, sequence) * len(sequence)
	}
	return columns
}
