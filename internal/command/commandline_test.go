package command

import (
	"slices"
	"strings"
	"testing"
)

func TestSplitLine(t *testing.T) {
	for _, c := range []struct {
		line  string
		words []string // everywhere but on Windows; nil for an error
		there []string // on Windows, where that is another
	}{
		{line: `op read op://vault/item`, words: []string{"op", "read", "op://vault/item"}},
		{line: "  op\tread \r\n x ", words: []string{"op", "read", "x"}},
		{line: `op read "op://my vault/item"`, words: []string{"op", "read", "op://my vault/item"}},
		{line: `op 'a b' "c d" e' 'f""`, words: []string{"op", "a b", "c d", "e f"}},
		{line: `op '' ""`, words: []string{"op", "", ""}},
		{line: `a "it's" 'say "x"'`, words: []string{"a", "it's", `say "x"`}},
		{line: `a '$HOME' $HOME ~ * b|c`, words: []string{"a", "$HOME", "$HOME", "~", "*", "b|c"}},
		{line: `a '|' "&&" \; https://x?a=1&b=2`, words: []string{"a", "|", "&&", ";", "https://x?a=1&b=2"}, there: []string{"a", "|", "&&", `\;`, "https://x?a=1&b=2"}},
		{line: `a b\ c \"d\" "e\"f\\g\h" 'i\j'`, words: []string{"a", "b c", `"d"`, `e"f\g\h`, `i\j`}},
		{line: `C:\tools\op.exe read`, words: []string{"C:toolsop.exe", "read"}, there: []string{`C:\tools\op.exe`, "read"}},
		{line: `"C:\Program Files\x\" \\server\share`, there: []string{`C:\Program Files\x\`, `\\server\share`}},
		{line: `'a\'`, words: []string{`a\`}},
		{line: `a\`, there: []string{`a\`}},
		{line: `schlüssel ключ "鍵 鍵"`, words: []string{"schlüssel", "ключ", "鍵 鍵"}},
		{line: ""},
		{line: " \n"},
		{line: `''`},
		{line: `"" a`},
		{line: `a 'b`},
		{line: `a "b`},
		{line: `a "b\"`, there: []string{"a", `b\`}},
		{line: "a\x00b"},
		{line: "a '\x00'"},
		{line: "a \x1b[2J"},
		{line: "a\x7f"},
		{line: "a \\\x00"},
		{line: "op read x | head"},
		{line: "a && b"},
		{line: "a >file"},
		{line: "a; b", words: []string{"a;", "b"}},
		{line: "a ; b"},
		{line: "a <b"},
		{line: "a `b`"},
		{line: "a $(b)"},
		{line: "a &"},
		{line: strings.Repeat("a", 1<<20)},
	} {
		for _, windows := range []bool{false, true} {
			want := c.words
			if windows && c.there != nil {
				want = c.there
			}
			if windows && c.there == nil && strings.Contains(c.line, `\`) && !strings.Contains(c.line, "'a\\'") {
				continue
			}
			got, err := splitLine(c.line, windows)
			if !slices.Equal(got, want) || (err == nil) != (want != nil) {
				t.Errorf("%.60q, Windows %v: %q, %v; want %q", c.line, windows, got, err, want)
			}
		}
	}
}

// Words that were put between quotation marks come back as they were, everywhere. No
// line makes a word with a control character that ends it elsewhere.
func FuzzSplitLine(f *testing.F) {
	for _, line := range []string{"", "a b", `a 'b c' "d"`, `a\ b`, `"\"\\"`, "a\x00", `C:\x`, "a | b", "'", `"`, "\xff\xfe", "a \u0085 b"} {
		f.Add(line, true)
		f.Add(line, false)
	}
	f.Fuzz(func(t *testing.T, line string, windows bool) {
		words, err := splitLine(line, windows)
		if err != nil {
			if words != nil {
				t.Fatalf("%q: words and an error: %q", line, words)
			}
			return
		}
		if len(words) == 0 || words[0] == "" {
			t.Fatalf("%q: no program", line)
		}
		var again []string
		total := 0
		for _, word := range words {
			total += len(word)
			if strings.ContainsAny(word, "\x00\x1b\x7f") {
				t.Fatalf("%q: %q", line, word)
			}
			switch {
			case !strings.Contains(word, "'"):
				word = "'" + word + "'"
			case windows:
				word = "'" + strings.ReplaceAll(word, "'", `'"'"'`) + "'"
			default:
				word = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
			}
			again = append(again, word)
		}
		if total > len(line) {
			t.Fatalf("%q became longer: %q", line, words)
		}
		if back, err := splitLine(strings.Join(again, " "), windows); err != nil || !slices.Equal(back, words) {
			t.Fatalf("%q, quoted %q: %q, %v", words, again, back, err)
		}
	})
}
