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
					"error":   func(s *Terminal) { s.Error(errors.New(text)) },
					"hint":    func(s *Terminal) { s.Error(hint.With(errors.New("no"), "see 'a' or run: mcp-login tools; "+text)) },
					"quoted":  func(s *Terminal) { s.Error(hint.With(errors.New("no"), "use '"+text+"'")) },
					"advice":  func(s *Terminal) { s.Note("%s", Advice(text)) },
					"command": func(s *Terminal) { s.Note("%s", Advice("run: mcp-login tools '"+text+"'")) },
					"note":    func(s *Terminal) { s.Note("%s", text) },
					"print":   func(s *Terminal) { s.Print("found %s", text) },
					"below":   func(s *Terminal) { s.PrintIndented(25, "found %s", text) },
					"table":   func(s *Terminal) { s.Table([]string{"A", "B"}, [][]string{{"a", text}}) },
					"cards":   func(s *Terminal) { s.Table([]string{"A", "B", "C"}, [][]string{{"a", strings.Repeat("b", 150), text}}) },
					"live":    func(s *Terminal) { s.Live(t.Context(), "%s", text) },
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

// Addresses and commands stay whole, each on a row of its own, so that they can be copied.
func TestAddressesAndCommandsStayWhole(t *testing.T) {
	address := "https://example.com/" + strings.Repeat("a", 200)
	const command = "mcp-login login https://example.com/mcp --issuer https://login.example.com"
	for name, c := range map[string]struct {
		say  func(*Terminal)
		want []string
	}{
		"an address in a note": {func(s *Terminal) { s.Note("it waits: %s", Address(address)) }, []string{"    " + address}},
		"an address":           {func(s *Terminal) { s.Address(address) }, []string{address}},
		"a command in a note":  {func(s *Terminal) { s.Note("to go on: %s", Command(command)) }, []string{"    " + command}},
		"a command in a hint":  {func(s *Terminal) { s.Error(hint.With(errors.New("no"), "run: "+command)) }, []string{"mcp-login: hint: run:", "    " + command}},
		"two of them": {
			func(s *Terminal) {
				s.Error(hint.With(errors.New("no"), "run one of: "+command+" 'a b'; "+command+"; or sign in again"))
			},
			[]string{"    " + command + " 'a b'", "    " + command, "    or sign in again"},
		},
		"a short one": {
			func(s *Terminal) { s.Error(hint.With(errors.New("no"), "run: mcp-login status; or sign in again")) },
			[]string{"    mcp-login status", "    or sign in again"},
		},
		"a hint in a note": {func(s *Terminal) { s.Note("hint: run: %s", command) }, []string{"    " + command}},
		"what is quoted": {func(s *Terminal) {
			s.Error(hint.With(errors.New("no"), "write it as it is here: --header 'X-Api-Key: ${MY_KEY}'"))
		}, []string{"    --header 'X-Api-Key: ${MY_KEY}'"}},
		"what fits": {func(s *Terminal) { s.Error(hint.With(errors.New("no"), "run: mcp-login status")) }, []string{"mcp-login: hint: run: mcp-login status"}},
		"a stranger's command": {
			func(s *Terminal) { s.Error(errors.New("he says: " + command)) },
			[]string{"mcp-login: error: he says: mcp-login", "    login https://example.com/mcp"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			c.say(New(Config{Out: &b, Err: &b, OutIsTerminal: true, ErrIsTerminal: true, Columns: func() int { return 40 }}))
			for _, row := range c.want {
				if !strings.Contains("\n"+b.String(), "\n"+row+"\n") {
					t.Errorf("no row %q in\n%s", row, b.String())
				}
			}
			b.Reset()
			c.say(New(Config{Out: &b, Err: &b}))
			if lines := strings.Count(b.String(), "\n"); lines > 2 || strings.Contains(b.String(), kept) {
				t.Errorf("on a pipe: %q", b.String())
			}
		})
	}
}

// A table that does not fit is broken in its last column, or set as cards; in neither does a
// row of the screen begin with what a stranger wrote, and no row is wider than the window
// unless it is one word.
func TestATableFitsTheWindow(t *testing.T) {
	columns := []string{"NAME", "ARGUMENTS", "DESCRIPTION"}
	words := strings.TrimSpace(strings.Repeat("some words ", 20))
	for name, c := range map[string]struct {
		row    []string
		window int
		want   string
	}{
		"it fits":              {[]string{"a", "-", "short"}, 40, "NAME   ARGUMENTS   DESCRIPTION\na      -           short\n"},
		"unknown width":        {[]string{"a", "", words}, 0, "NAME   ARGUMENTS   DESCRIPTION\na      -           " + words + "\n"},
		"broken":               {[]string{"a", "b", "some words of many that go on"}, 46, "NAME   ARGUMENTS   DESCRIPTION\na      b           some words of many that go\n                   on\n"},
		"cards":                {[]string{"a", strings.Repeat("b", 22), "some words"}, 40, "a\n    arguments    " + strings.Repeat("b", 22) + "\n    description  some words\n"},
		"an empty cell":        {[]string{"a", "", strings.Repeat("c", 50)}, 40, "a\n    description\n        " + strings.Repeat("c", 50) + "\n"},
		"cards with long ones": {[]string{"a", strings.Repeat("b", 20) + " " + strings.Repeat("b", 20), "x"}, 40, "a\n    arguments    " + strings.Repeat("b", 20) + "\n                 " + strings.Repeat("b", 20) + "\n    description  x\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			New(Config{Out: &b, Err: &b, OutIsTerminal: true, Columns: func() int { return c.window }}).Table(columns, [][]string{c.row})
			if b.String() != c.want {
				t.Errorf("got\n%s\nwant\n%s", b.String(), c.want)
			}
		})
	}
	for window := minColumns; window < 140; window += 7 {
		var b bytes.Buffer
		rows := [][]string{{"https://example.com/mcp", words, "mcp-login: hint: run curl evil " + words}, {"", strings.Repeat("x", 90), words}}
		New(Config{Out: &b, Err: &b, OutIsTerminal: true, Columns: func() int { return window }}).Table(columns, rows)
		for line := range strings.Lines(b.String()) {
			if line = strings.TrimSuffix(line, "\n"); len(line) > window && strings.Contains(strings.TrimSpace(line), " ") {
				t.Errorf("%d columns: %q", window, line)
			}
			if strings.HasPrefix(line, "mcp-login: hint") {
				t.Errorf("%d columns: a forged line: %q", window, line)
			}
		}
	}
}
