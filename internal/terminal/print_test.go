package terminal

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"mcp-login/internal/hint"
)

// evil is a stranger's text that moves the cursor, turns the direction, hides letters
// and begins a line that looks like one of this program.
const evil = "a\x1b]52;c;eA==\x07\x9b\u009b2J\u202e\u200b\U000e0041\ufe0f\u2028\r\nmcp-login: hint: x\tb"

// unwanted are the characters of evil that may not be printed.
const unwanted = "\x1b\x07\u009b\u202e\u200b\U000e0041\ufe0f\u2028\r\t"

// Whatever the arguments are, a line stays one line without unwanted characters, on a
// terminal and on a pipe.
func TestEveryLineIsOneFilteredLine(t *testing.T) {
	address := &url.URL{Scheme: "https", Host: "example.com", RawQuery: evil}
	for _, onTerminal := range []bool{true, false} {
		var out, err bytes.Buffer
		s := New(Config{Out: &out, Err: &err, OutIsTerminal: onTerminal, ErrIsTerminal: onTerminal})
		s.Note("%s %-9s %q %v %v %v %v %d %v", evil, evil, evil, errors.New(evil), []string{evil}, Address(evil), address, 1, time.Second)
		s.Print("%s %v", evil, map[string]string{evil: evil})
		s.Error(hint.With(fmt.Errorf("a: %w", errors.Join(errors.New(evil), errors.New("b"))), evil))
		s.Address(evil)
		s.Table([]string{"A", "B"}, [][]string{{evil, evil}, {"", "x"}})
		s.Live(t.Context(), "%s", evil)
		s.Clear()
		all := strings.NewReplacer(eraseLine, "").Replace(out.String() + err.String())
		if strings.ContainsAny(all, unwanted) || strings.Contains(all, "\x9b") && !onTerminal {
			t.Errorf("terminal %v: %q", onTerminal, all)
		}
		if n := strings.Count(out.String(), "\n"); n != 4 {
			t.Errorf("%d lines on stdout: %q", n, out.String())
		}
		if n := strings.Count(err.String(), "\n"); n != 4 {
			t.Errorf("%d lines on stderr: %q", n, err.String())
		}
	}
}

// A tool's result keeps its lines on a terminal; a pipe gets it as it is.
func TestAPipeGetsResultsUnchanged(t *testing.T) {
	for _, onTerminal := range []bool{true, false} {
		var out bytes.Buffer
		s := New(Config{Out: &out, Err: &out, OutIsTerminal: onTerminal})
		s.Result("one\n\ttwo\x1b[2J\u202e\n")
		s.ResultAddress("a:\u202e`")
		s.ResultJSON([]byte("{\"a\":\r\"\u009b\"}"))
		want := "one\n\ttwo\x1b[2J\u202e\na:\u202e`\n{\"a\":\r\"\u009b\"}\n"
		if onTerminal {
			want = "one\n\ttwo[2J\na:%E2%80%AE%60\n{\"a\": \"\\u009b\"}\n"
		}
		if out.String() != want {
			t.Errorf("terminal %v: %q", onTerminal, out.String())
		}
	}
}

// --json says everything, with unwanted characters escaped.
func TestJSONEscapesUnwantedCharacters(t *testing.T) {
	var out bytes.Buffer
	s := New(Config{Out: &out})
	if s.WroteJSON() {
		t.Error("before it was written")
	}
	if err := s.JSON(map[string]string{"a": "\u009b\u202e\U000e0041\n"}); err != nil || !s.WroteJSON() {
		t.Error(err)
	}
	if want := "{\n  \"a\": \"\\u009b\\u202e\\udb40\\udc41\\n\"\n}\n"; out.String() != want {
		t.Errorf("%q", out.String())
	}
}

// What programs read is theirs byte for byte, but not where a person sees it.
func TestAPipeGetsTheProtocolByteForByte(t *testing.T) {
	var pipe, tty bytes.Buffer
	message := []byte("{\"a\":\"\u202e\x1b\"}\n")
	_, _ = New(Config{Out: &pipe}).Protocol().Write(message)
	_, _ = New(Config{Out: &tty, Err: &tty, OutIsTerminal: true}).Protocol().Write(message)
	if !bytes.Equal(pipe.Bytes(), message) || tty.String() != "{\"a\":\"\\u202e\\u001b\"}\n" {
		t.Errorf("%q, %q", pipe.String(), tty.String())
	}
}

// Colours are ours alone, and only where they are wanted.
func TestOnlyOurOwnColoursReachATerminal(t *testing.T) {
	for _, c := range []Config{{OutIsTerminal: true}, {OutIsTerminal: true, Plain: true}, {}} {
		var out bytes.Buffer
		c.Out, c.Err = &out, &out
		s := New(c)
		s.Print("%s %s", s.Colour(Red, "FAIL\x1b[2J"), "\x1b[31mx")
		want := "FAIL[2J [31mx\n"
		if c.OutIsTerminal && !c.Plain {
			want = "\x1b[31mFAIL[2J\x1b[0m [31mx\n"
		}
		if out.String() != want {
			t.Errorf("%+v: %q", c, out.String())
		}
	}
}

// One long cell does not make every row as long: 0.25 MB of names once printed
// 269 MiB.
func TestTableSizeIsBounded(t *testing.T) {
	rows := [][]string{{strings.Repeat("n", 1<<17), strings.Repeat("d", 1<<16)}}
	for range 2000 {
		rows = append(rows, []string{"n", "a", "d"})
	}
	for _, onTerminal := range []bool{true, false} {
		var out bytes.Buffer
		New(Config{Out: &out, Err: &out, OutIsTerminal: onTerminal}).Table([]string{"TOOL", "ARGUMENTS", "DESCRIPTION"}, rows)
		if out.Len() > 100<<10 {
			t.Errorf("terminal %v: %d bytes", onTerminal, out.Len())
		}
	}
}

// Columns stand below each other, also with characters that take two columns or
// none.
func TestColumnsStandBelowEachOther(t *testing.T) {
	var out bytes.Buffer
	New(Config{Out: &out}).Table([]string{"NAME", "X"}, [][]string{{"größe", "1"}, {"名前", "2"}, {"e\u0301", ""}, {strings.Repeat("long", 20), "4"}})
	want := "NAME    X\ngröße   1\n名前    2\ne\u0301       -\n" + strings.Repeat("long", 20) + "   4\n"
	if out.String() != want {
		t.Errorf("%q", out.String())
	}
}
