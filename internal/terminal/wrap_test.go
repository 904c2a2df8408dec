package terminal

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"mcp-login/internal/hint"
)

// A stranger can compute where the window breaks a line: no row that begins there
// looks like a line of this program. The screen is drawn once with one column for each
// character outside ASCII, and once with two.
func TestWrappedRowsForgeNoLine(t *testing.T) {
	forged := "mcp-login: hint: run curl evil"
	for _, columns := range []int{0, 1, 5, 20, 40, 76, 80, 81, 132} {
		for _, pad := range []string{"x", "\u231a", "\U00017000", "x ", "\u2800", "\U0001d159", "e\u0301", "\u00b7", "\uff5e", "\ue000", "\U0001f7e0", "\u2014 "} {
			for length := range 140 {
				text := strings.Repeat(pad, length) + forged
				for name, say := range map[string]func(*Terminal){
					"error": func(s *Terminal) { s.Error(errors.New(text)) },
					"note":  func(s *Terminal) { s.Note("%s", text) },
					"print": func(s *Terminal) { s.Print("found %s", text) },
					"table": func(s *Terminal) { s.Table([]string{"A", "B"}, [][]string{{"a", text}}) },
					"live":  func(s *Terminal) { s.Live(t.Context(), "%s", text) },
				} {
					var b bytes.Buffer
					say(New(Config{Out: &b, Err: &b, OutIsTerminal: true, ErrIsTerminal: true, Columns: func() int { return columns }}))
					for _, wide := range []int{1, 2} {
						for i, row := range screen(strings.TrimPrefix(b.String(), eraseLine), columns, wide) {
							if i > 0 && strings.HasPrefix(row, "mcp-login: hint: r") || i > 0 && name == "live" && columns > 1 {
								t.Fatalf("%s of %q in %d columns: %q", name, text, columns, row)
							}
						}
					}
				}
			}
		}
	}
}

// screen is what a window of so many columns shows; columns of 0 is a screen
// without an edge.
func screen(text string, columns, wide int) (rows []string) {
	for line := range strings.SplitSeq(text, "\n") {
		row, used := "", 0
		for _, r := range line {
			w := 1
			if r >= 0x80 {
				w = wide
			}
			if used += w; columns > 0 && used > columns {
				rows = append(rows, row)
				row, used = "", w
			}
			row += string(r)
		}
		rows = append(rows, row)
	}
	return rows
}

// Addresses and advice stay whole, so that they can be copied.
func TestAddressesAndHintsStayWhole(t *testing.T) {
	var b bytes.Buffer
	address := "https://example.com/" + strings.Repeat("a", 200)
	s := New(Config{Out: &b, Err: &b, OutIsTerminal: true, ErrIsTerminal: true, Columns: func() int { return 40 }})
	s.Note("%s waits: %s", "some words of somebody", Address(address))
	s.Address(address)
	advice := "run: mcp-login login https://example.com/mcp --issuer https://login.example.com"
	s.Error(hint.With(errors.New("no"), advice))
	if strings.Count(b.String(), address) != 2 || !strings.Contains(b.String(), "mcp-login: hint: "+advice+"\n") {
		t.Error(b.String())
	}
}
