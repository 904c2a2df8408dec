package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"mcp-login/internal/terminal"
)

const (
	columns = 80 // that no line is longer than
	narrow  = 40 // a window with fewer is treated as one with so many
	margin  = 4  // in front of what stands below a heading
)

// show is the demo's output: numbered headings, and below each what happens.
type show struct {
	terminal *terminal.Terminal
	window   func() int // its width, 0 where that is not known
	steps    int
}

// width is how long a line may be.
func (s *show) width() int {
	if w := s.window(); w > 0 {
		return min(columns, max(w, narrow))
	}
	return columns
}

// opening says what is going to happen.
func (s *show) opening() {
	for _, row := range wrap("mcp-login demo: a sign-in provider, a protected MCP server and two MCP clients, "+
		"on this machine alone. Ctrl-C ends it at any time; nothing is left behind.", s.width()) {
		s.terminal.Print("%s", row)
	}
}

// step begins a step.
func (s *show) step(format string, args ...any) {
	s.steps++
	s.blank()
	for i, row := range wrap(fmt.Sprintf(format, args...), s.width()-margin) {
		if i == 0 {
			s.terminal.Print("%2d  %s", s.steps, s.terminal.Colour(terminal.Bold, row))
		} else {
			s.terminal.Print("    %s", s.terminal.Colour(terminal.Bold, row))
		}
	}
}

// text says something about the step.
func (s *show) text(format string, args ...any) {
	for _, row := range wrap(fmt.Sprintf(format, args...), s.width()-margin) {
		s.terminal.Print("    %s", row)
	}
}

// blank separates what a person is to do from what is said around it.
func (s *show) blank() { s.terminal.Print("") }

// row is a name and its value.
func (s *show) row(name, value string) { s.terminal.Print("    %-10s %s", name, value) }

// quote is a line of mcp-login itself.
func (s *show) quote(line string) {
	for _, row := range wrap(strings.TrimPrefix(line, "mcp-login: "), s.width()-margin-2) {
		s.terminal.Print("    %s", s.terminal.Colour(terminal.Dim, "| "+row))
	}
}

// address is an address to open or to copy, on a line of its own.
func (s *show) address(address string) { s.terminal.Print("    %s", terminal.Address(address)) }

// done says what the step has come to, and how long it took.
func (s *show) done(took time.Duration, text string) {
	rows, figure := wrap(text, s.width()-margin), figure(took)
	last := len(rows) - 1
	for _, row := range rows[:last] {
		s.terminal.Print("    %s", s.terminal.Colour(terminal.Green, row))
	}
	left := s.width() - margin - len(rows[last])
	if left <= len(figure) {
		s.terminal.Print("    %s", s.terminal.Colour(terminal.Green, rows[last]))
		s.terminal.Print("%*s", s.width(), figure)
		return
	}
	s.terminal.Print("    %s%*s", s.terminal.Colour(terminal.Green, rows[last]), left, figure)
}

// figure is a duration as people read it.
func figure(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", max(d.Milliseconds(), 1))
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// stopped is said at the end of a demo that was stopped.
func (s *show) stopped() {
	s.terminal.Clear()
	s.terminal.Print("")
	s.terminal.Print("Stopped. Nothing is left behind.")
}

// closing says what to do next.
func (s *show) closing() {
	s.blank()
	for _, row := range wrap("Next: your own server, with its address in the place of example.com", s.width()-margin) {
		s.terminal.Print("    %s", s.terminal.Colour(terminal.Bold, row))
	}
	s.blank()
	_, _ = io.WriteString(s.terminal.Out(), next)
}

// next is what somebody does who has seen the demo. It fits into a window of 60 columns.
const next = `    go install ./cmd/mcp-login
    mcp-login login https://example.com/mcp

    In the configuration of your MCP client:

    {"mcpServers": {"example": {
      "command": "mcp-login",
      "args": ["https://example.com/mcp"]}}}

    Or let it be written there, for Cursor for example:

    mcp-login config cursor https://example.com/mcp --write
`

// wrap breaks a line at blanks into rows of at most limit characters. Longer words
// stay whole.
func wrap(line string, limit int) (rows []string) {
	row := ""
	for _, word := range strings.Fields(line) {
		switch {
		case row == "":
			row = word
		case len(row)+1+len(word) > limit:
			rows, row = append(rows, row), word
		default:
			row += " " + word
		}
	}
	return append(rows, row)
}
