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
	margin  = 4  // in front of what stands below a heading
)

// show is the demo's output: numbered headings, and below each what happens.
type show struct {
	terminal *terminal.Terminal
	steps    int
}

// opening says what is going to happen.
func (s *show) opening() {
	s.terminal.Print("mcp-login demo: a sign-in provider, a protected MCP server and two MCP clients,")
	s.terminal.Print("on this machine alone. Ctrl-C ends it at any time; nothing is left behind.")
}

// step begins a step.
func (s *show) step(format string, args ...any) {
	s.steps++
	s.terminal.Print("")
	s.terminal.Print("%2d  %s", s.steps, s.terminal.Colour(terminal.Bold, fmt.Sprintf(format, args...)))
}

// text says something about the step.
func (s *show) text(format string, args ...any) { s.terminal.Print("    "+format, args...) }

// blank separates what a person is to do from what is said around it.
func (s *show) blank() { s.terminal.Print("") }

// row is a name and its value.
func (s *show) row(name, value string) { s.terminal.Print("    %-10s %s", name, value) }

// quote is a line of mcp-login itself.
func (s *show) quote(line string) {
	for _, row := range wrap(strings.TrimPrefix(line, "mcp-login: "), columns-margin-2) {
		s.terminal.Print("    %s", s.terminal.Colour(terminal.Dim, "| "+row))
	}
}

// address is an address to open or to copy, on a line of its own.
func (s *show) address(address string) { s.terminal.Print("    %s", terminal.Address(address)) }

// done says what the step has come to, and how long it took.
func (s *show) done(took time.Duration, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	s.terminal.Print("    %s%*s", s.terminal.Colour(terminal.Green, text), columns-margin-len(text), figure(took))
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
	s.terminal.Print("")
	s.terminal.Print("    %s", s.terminal.Colour(terminal.Bold, "Next: your own server, with its address in the place of example.com"))
	s.blank()
	_, _ = io.WriteString(s.terminal.Out(), next)
}

// next is what somebody does who has seen the demo.
const next = `    go install ./cmd/mcp-login
    mcp-login login https://example.com/mcp

    In the configuration of your MCP client:

    {"mcpServers": {"example": {"command": "mcp-login",
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
