package terminal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"
)

// speaker is a value with the methods that fmt calls by itself.
type speaker struct{ text string }

func (s speaker) String() string   { return s.text }
func (s speaker) GoString() string { return s.text }
func (s speaker) Error() string    { return s.text }

// formatter ignores the verb of the format.
type formatter struct{ text string }

func (f formatter) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, f.text) }

// Text of a stranger is filtered in whatever type and by whatever method it comes.
func TestEveryMethodAndTypeIsFiltered(t *testing.T) {
	text, pointer := evil, "\x1b[2J"
	for name, say := range map[string]func(*Terminal){
		"a Stringer":                       func(s *Terminal) { s.Note("%v", speaker{text}) },
		"a GoStringer":                     func(s *Terminal) { s.Note("%#v", speaker{text}) },
		"a Formatter":                      func(s *Terminal) { s.Print("%s", formatter{text}) },
		"an error in an error":             func(s *Terminal) { s.Error(fmt.Errorf("%w: %w", speaker{text}, errors.New(text))) },
		"a type of a string":               func(s *Terminal) { type named string; s.Note("%s", named(text)) },
		"bytes":                            func(s *Terminal) { s.Note("%s", []byte(text)) },
		"a struct":                         func(s *Terminal) { s.Note("%+v", struct{ A, b string }{text, text}) },
		"a pointer to a struct":            func(s *Terminal) { s.Note("%+v", &struct{ A *string }{&pointer}) },
		"a key of a map":                   func(s *Terminal) { s.Print("%v", map[string]error{text: errors.New(text)}) },
		"a width":                          func(s *Terminal) { s.Print("%-500s|%300s", text, text) },
		"an escape in two pieces":          func(s *Terminal) { s.Print("%s%s", "\x1b", "[2J") },
		"a rune in two pieces":             func(s *Terminal) { s.Print("%s%s", "\xe2\x80", "\xae") },
		"C1 as the bytes of two arguments": func(s *Terminal) { s.Note("%s%s", "\xc2", "\x9b2J") },
		"a header of a table":              func(s *Terminal) { s.Table([]string{text}, [][]string{{text}, {text + text}}) },
		"a row of blanks": func(s *Terminal) {
			s.Note("%s", "no such tool"+strings.Repeat("\u2003", 300)+"mcp-login: hint: x")
		},
		"a log in pieces": func(s *Terminal) {
			for i := range len(text) {
				_, _ = io.WriteString(s.Err(), strings.ReplaceAll(text, "\n", " ")[i:i+1])
			}
		},
		"the live line":     func(s *Terminal) { s.Live(t.Context(), "%s", text); s.Note("%s", "x") },
		"a colour":          func(s *Terminal) { s.Print("%s", s.Colour(Green, text)) },
		"an object":         func(s *Terminal) { _ = s.JSON(map[string]any{text: []byte(text), "b": text}) },
		"a result of lines": func(s *Terminal) { s.Result("\x9b2J\r\x85\u2028" + strings.ReplaceAll(text, "\n", "")) },
		"JSON that is none": func(s *Terminal) {
			s.ResultJSON([]byte(`"` + text + `\` + "\u202e" + `"` + strings.ReplaceAll(text, "\n", "")))
		},
		"an address":       func(s *Terminal) { s.Address("https://a.example/\n" + text); s.ResultAddress(text) },
		"a very long line": func(s *Terminal) { s.Error(errors.New(strings.Repeat(text, 10_000))) },
	} {
		for _, onTerminal := range []bool{true, false} {
			if !onTerminal && strings.Contains(name, "result") || !onTerminal && (name == "JSON that is none" || name == "an address") {
				continue // a pipe gets results unchanged
			}
			var b bytes.Buffer
			say(New(Config{Out: &b, Err: &b, OutIsTerminal: onTerminal, ErrIsTerminal: onTerminal}))
			got := strings.NewReplacer(eraseLine, "", "\x1b[32m", "", "\x1b[0m", "").Replace(b.String())
			if strings.Contains(name, "log") || strings.Contains(name, "result") {
				got = strings.ReplaceAll(got, "\t", "") // they keep their tabs
			}
			if strings.ContainsAny(got, unwanted) || strings.Contains(got, "\n"+program+"hint: x") || strings.Contains(got, strings.Repeat(" ", 501)) {
				t.Errorf("%s, terminal %v: %q", name, onTerminal, got)
			}
			if len(got) > 64<<10 {
				t.Errorf("%s, terminal %v: %d bytes", name, onTerminal, len(got))
			}
		}
	}
}

// Lines of several goroutines stay whole, with a live line between them.
func TestConcurrentLinesStayWhole(t *testing.T) {
	var b bytes.Buffer
	s := New(Config{Out: &b, Err: &b, OutIsTerminal: true, ErrIsTerminal: true})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				s.Note("%s", "a")
				s.Print("%s", "b")
				s.Live(t.Context(), "%s", evil)
				_, _ = io.WriteString(s.Err(), "c\n")
			}
		})
	}
	all.Wait()
	s.Clear()
	for line := range strings.Lines(b.String()) {
		if i := strings.LastIndex(line, eraseLine); i >= 0 {
			line = line[i+len(eraseLine):]
		}
		if line != program+"a\n" && line != "b\n" && line != "c\n" && line != "" {
			t.Fatalf("%q", line)
		}
	}
}

// To filter takes time in proportion to the length of a text, whatever is in it.
func TestFilteringTakesLinearTime(t *testing.T) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		s := New(Config{Out: io.Discard, Err: io.Discard, OutIsTerminal: true})
		for _, one := range []string{"\u200b", "\n", " ", "\x1b", "\xff", "\U000e0041", "%", "\\"} {
			much := strings.Repeat(one, 1<<20)
			s.Note("%s", much)
			s.Address(much)
			s.Result(much)
			s.ResultJSON([]byte(much))
			s.Table([]string{"A"}, [][]string{{much}})
		}
	}()
	select {
	case <-done:
	case <-time.After(2 * time.Minute):
		t.Fatal("it takes too long")
	}
}
