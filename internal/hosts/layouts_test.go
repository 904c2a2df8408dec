package hosts

import (
	"bytes"
	"errors"
	"path/filepath"
	"testing"

	"go.yaml.in/yaml/v3"
)

// layouts are what editors and systems make of a file: each changes bytes, and
// not what the file says.
var layouts = map[string]func([]byte) []byte{
	"CRLF":             toCRLF,
	"LF":               toLF,
	"byte order mark":  withBOM,
	"CRLF and mark":    func(b []byte) []byte { return withBOM(toCRLF(b)) },
	"no last line end": func(b []byte) []byte { return bytes.TrimRight(b, "\r\n") },
	"more line ends":   func(b []byte) []byte { return append(bytes.Clone(b), newline(b)+newline(b)...) },
	"comment at the end": func(b []byte) []byte {
		mark := "# "
		if bytes.HasPrefix(bytes.TrimLeft(bytes.TrimPrefix(b, []byte("\ufeff")), " \t\r\n/"), []byte("{")) || bytes.Contains(b, []byte("// ")) {
			mark = "// "
		}
		return append(append(bytes.TrimRight(b, "\r\n"), newline(b)...), mark+"the end"+newline(b)...)
	},
}

func toLF(b []byte) []byte   { return bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")) }
func toCRLF(b []byte) []byte { return bytes.ReplaceAll(toLF(b), []byte("\n"), []byte("\r\n")) }
func withBOM(b []byte) []byte {
	return append([]byte("\ufeff"), bytes.TrimPrefix(b, []byte("\ufeff"))...)
}

// Each file of the corpus in each layout. Whatever entry is written, replaced or taken
// out, every byte outside it stays: without that entry
// the file is what it was without the old one, and a file that had a server
// before is given back. Line ends and byte order mark stay those of the file.
func TestBytesOutsideTheEntryStay(t *testing.T) {
	for file, c := range corpus(t) {
		for name, layout := range layouts {
			t.Run(filepath.Base(file)+"/"+name, func(t *testing.T) {
				data := layout(read(t, file))
				before, err := c.List(data)
				if err != nil {
					t.Fatal(err)
				}
				out, err := c.Set(data, sample, false)
				if err != nil {
					t.Fatal(err)
				}
				checkLayout(t, data, out)
				back, err := c.Remove(out, sample.Name)
				if c.Format == TOML && !bytes.HasSuffix(data, []byte("\n")) {
					// A table behind the last line has ended that line.
					back = bytes.TrimSuffix(back, []byte(newline(data)))
				}
				if err != nil || len(before) > 0 && !bytes.Equal(back, data) {
					t.Errorf("not given back: %v\n%q\n%q", err, data, back)
				}
				for _, s := range before {
					if len(s.Group) == 0 {
						checkOutside(t, c, data, s)
					}
				}
			})
		}
	}
}

// checkOutside writes another server in the place of s and checks that nothing
// else has changed: what is left without the one is what was left without the
// other.
func checkOutside(t *testing.T, h Host, data []byte, s Server) {
	t.Helper()
	without, err := h.Remove(data, s.Name)
	if errors.Is(err, ErrLayout) {
		return // refused untouched; TestRemoveChangesOneEntry knows which
	}
	if err != nil {
		t.Fatalf("%s: %v", s.Name, err)
	}
	checkLayout(t, data, without)
	other := sample
	other.Name = s.Name
	out, err := h.Set(data, other, true)
	if err != nil {
		t.Fatalf("%s: %v", s.Name, err)
	}
	checkLayout(t, data, out)
	again, err := h.Remove(out, s.Name)
	if err != nil || !bytes.Equal(again, without) {
		t.Errorf("%s: replacing it changed something else: %v\n%q\n%q", s.Name, err, without, again)
	}
}

// checkLayout checks that a changed file has the line ends and the mark of the
// original.
func checkLayout(t *testing.T, before, after []byte) {
	t.Helper()
	mark := []byte("\ufeff")
	if bytes.HasPrefix(before, mark) != bytes.HasPrefix(after, mark) || bytes.Count(after, mark) > 1 {
		t.Errorf("the byte order mark: %.20q became %.20q", before, after)
	}
	crlf := func(b []byte) (with, all int) { return bytes.Count(b, []byte("\r\n")), bytes.Count(b, []byte("\n")) }
	with, all := crlf(before)
	now, nowAll := crlf(after)
	if all > 0 && with == all && now != nowAll || with == 0 && now != 0 {
		t.Errorf("line ends: %d of %d with CR, then %d of %d\n%q", with, all, now, nowAll, after)
	}
}

// The layout is no part of the meaning: to rewrite a file and then its line ends is to
// change the line ends and then the file. For Set checkLayouts shows it.
func TestRewriteAndLayoutCommute(t *testing.T) {
	for file, c := range corpus(t) {
		data := toLF(read(t, file))
		for name, layout := range map[string]func([]byte) []byte{"CRLF": toCRLF, "byte order mark": withBOM} {
			one, _, err1 := c.Rewrite(data, []string{"mcp-login"}, nil)
			two, _, err2 := c.Rewrite(layout(data), []string{"mcp-login"}, nil)
			if err1 != nil || err2 != nil || !bytes.Equal(layout(one), two) {
				t.Errorf("%s, %s, rewritten: %v, %v\n%q\n%q", file, name, err1, err2, layout(one), two)
			}
		}
	}
}

// A YAML parser that counts a column behind the end of its line makes the scalar one that
// is not edited, at any line and in any style.
func TestAColumnBehindItsLineIsNoPlace(t *testing.T) {
	d := &yamlDocument{parsed: parsed{data: []byte("a: b\n\"c\": d")}, lines: []int{0, 5}}
	for _, n := range []yaml.Node{
		{Line: 1, Column: 9, Value: "d"}, {Line: 1, Column: 6, Style: yaml.DoubleQuotedStyle}, {Line: 2, Column: 7, Style: yaml.DoubleQuotedStyle}, {Line: 2, Column: 9}, {Line: 9, Column: 1},
	} {
		if from, start, end := d.place(&yaml.Node{}, &n); from >= 0 || start >= 0 || end >= 0 {
			t.Errorf("line %d, column %d: %d, %d, %d", n.Line, n.Column, from, start, end)
		}
	}
}
