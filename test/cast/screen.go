package main

import (
	"strconv"
	"strings"
)

// style is how a character is shown: SGR parameters (ECMA-48), of which programs here use
// few.
type style struct {
	colour    int // 30 to 37, 90 to 97; 0 is the default
	bold, dim bool
}

// cell is a character of a line.
type cell struct {
	char rune
	style
}

type line []cell

// screen is what a terminal shows, without an end: lines do not scroll away.
type screen struct {
	lines       []line
	row, column int
	now         style
}

func newScreen() *screen { return &screen{lines: make([]line, 1)} }

// write reads output as a terminal does.
func (s *screen) write(text string) {
	for text != "" {
		switch c := text[0]; {
		case c == '\x1b':
			text = s.escape(text[1:])
			continue
		case c == '\n':
			s.move(1)
		case c == '\r':
			s.column = 0
		case c == '\b':
			s.column = max(0, s.column-1)
		case c < ' ':
		default:
			r, size := firstRune(text)
			s.put(r)
			text = text[size:]
			continue
		}
		text = text[1:]
	}
}

func firstRune(text string) (r rune, size int) {
	for i, c := range text {
		if i > 0 {
			return r, i
		}
		r = c
	}
	return r, len(text)
}

func (s *screen) put(r rune) {
	if s.column == columns {
		s.move(1)
		s.column = 0
	}
	l := &s.lines[s.row]
	for len(*l) <= s.column {
		*l = append(*l, cell{char: ' '})
	}
	(*l)[s.column] = cell{r, s.now}
	s.column++
}

func (s *screen) move(rows int) {
	s.row = max(0, s.row+rows)
	for len(s.lines) <= s.row {
		s.lines = append(s.lines, nil)
	}
}

// escape does what a sequence says and returns what follows it.
func (s *screen) escape(text string) string {
	if strings.HasPrefix(text, "]") { // an operating system command, up to BEL or ST
		if i := strings.IndexAny(text, "\a\x1b"); i >= 0 {
			return strings.TrimPrefix(text[i+1:], "\\")
		}
		return ""
	}
	if !strings.HasPrefix(text, "[") {
		return text[min(1, len(text)):]
	}
	end := strings.IndexFunc(text[1:], func(r rune) bool { return r >= '@' && r <= '~' })
	if end < 0 {
		return ""
	}
	parameters, last := text[1:end+1], text[end+1]
	n, err := strconv.Atoi(parameters)
	if err != nil {
		n = 0
	}
	switch last {
	case 'm':
		for p := range strings.SplitSeq(parameters, ";") {
			s.sgr(p)
		}
	case 'A':
		s.move(-max(n, 1))
	case 'B':
		s.move(max(n, 1))
	case 'C':
		s.column = min(columns-1, s.column+max(n, 1))
	case 'D':
		s.column = max(0, s.column-max(n, 1))
	case 'G':
		s.column = max(n, 1) - 1
	case 'K', 'J':
		s.erase(n, last == 'J')
	}
	return text[end+2:]
}

// erase takes away the line from the cursor on, or with 2 all of it, and with all what is
// below.
func (s *screen) erase(n int, all bool) {
	l := &s.lines[s.row]
	switch {
	case n == 2:
		*l = nil
	case n == 0 && len(*l) > s.column:
		*l = (*l)[:s.column]
	}
	if all {
		s.lines = s.lines[:s.row+1]
	}
}

func (s *screen) sgr(parameter string) {
	n, _ := strconv.Atoi(parameter) // an empty one is 0
	switch {
	case n == 0:
		s.now = style{}
	case n == 1:
		s.now.bold = true
	case n == 2:
		s.now.dim = true
	case n == 22:
		s.now.bold, s.now.dim = false, false
	case n == 39:
		s.now.colour = 0
	case n >= 30 && n <= 37, n >= 90 && n <= 97:
		s.now.colour = n
	}
}

// text is what lines say.
func text(lines []line) string {
	var b strings.Builder
	for _, l := range lines {
		var row strings.Builder
		for _, c := range l {
			row.WriteRune(c.char)
		}
		b.WriteString(strings.TrimRight(row.String(), " ") + "\n")
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}
