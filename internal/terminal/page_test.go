package terminal

import (
	"bytes"
	"strings"
	"testing"
)

// set is what a page looks like on a pipe, or on a terminal of so many columns.
func set(markdown string, columns int) string {
	var out bytes.Buffer
	c := Config{Out: &out, Err: &out, OutIsTerminal: columns > 0, Columns: func() int { return columns }}
	New(c).Page(markdown, func(address string) string {
		if strings.HasPrefix(address, "#") {
			return ""
		}
		return strings.Replace(address, "storage.md", "mcp-login help storage", 1)
	})
	return out.String()
}

// Each element of a page as it looks on a pipe.
func TestPage(t *testing.T) {
	long := strings.TrimSpace(strings.Repeat("word ", 30))
	rows := "word word word word word word word word word word word word word word word word"
	for name, tc := range map[string]struct{ in, want string }{
		"headings":   {"# One\n\nText.\n## Two\nMore.", "One\n===\n\nText.\n\nTwo\n---\nMore.\n"},
		"paragraphs": {"one\ntwo\n\n\nthree", "one two\n\nthree\n"},
		"wrapped":    {long, rows + "\n" + strings.TrimSpace(strings.Repeat("word ", 14)) + "\n"},
		"list":       {"- one\n  more\n- two\n\n10. ten\n    more", "- one more\n- two\n\n10. ten more\n"},
		"list wraps": {"- " + long, "- " + rows[:74] + "\n  " + strings.TrimSpace(strings.Repeat("word ", 15)) + "\n"},
		"below item": {"1. one\n\n   two\n\n   ```sh\n   run\n     this\n   ```", "1. one\n\n   two\n\n       run\n         this\n"},
		"code":       {"see\n\n```sh\nmcp-login  status   # " + long + "\n```\nend", "see\n\n    mcp-login  status   # " + long + "\nend\n"},
		"drawing":    {"a\n\n```mermaid\nflowchart\n```\n\n<!-- from\nhere -->\n\nb", "a\n\nb\n"},
		"inline":     {"**bold**, *thin*, `a*b [c](d)`, 2 * 3 \\* 4, `open", "bold, thin, `a*b [c](d)`, 2 * 3 * 4, `open\n"},
		"links":      {"[storage.md](storage.md), [a `b`](storage.md#x), [here](#there), [x](https://e.test/y), [note] (z) ![a page](p.png)", "`mcp-login help storage`, a `b` (`mcp-login help storage#x`), here, x\n(https://e.test/y), [note] (z) (picture: a page)\n"},
		"whole code": {rows[:70] + " `mcp-login login URL`", rows[:69] + "\n`mcp-login login URL`\n"},
		"columns":    {"| code | |\n| --- | --- |\n| 1 | one `a\\|b` |\n| 100 | " + long + " |", "code\n1      one `a|b`\n100    " + rows[:69] + "\n       " + rows[:69] + "\n       word word\n"},
		"below":      {"| a | b | c |\n|---|---|---|\n| `MCP_LOGIN_SOMETHING_LONG` | `--something-longer` | " + long + " |", "a  b\n      c\n`MCP_LOGIN_SOMETHING_LONG`  `--something-longer`\n      " + rows[:74] + "\n      " + strings.TrimSpace(strings.Repeat("word ", 15)) + "\n"},
		"no names":   {"| | |\n| --- | --- |\n| a | b |", "a   b\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := set(tc.in, 0); got != tc.want {
				t.Errorf("got\n%s\nwant\n%s", got, tc.want)
			}
		})
	}
}

// On a terminal code is coloured and headings are bold; the sequences take no columns, and
// a narrow window is kept to.
func TestPageOnATerminal(t *testing.T) {
	if got, want := set("# One\n**two** `three`", 60), "\x1b[1mOne\x1b[22m\n\x1b[1mtwo\x1b[22m \x1b[36mthree\x1b[39m\n"; got != want {
		t.Errorf("%q instead of %q", got, want)
	}
	for _, columns := range []int{40, 60, 200} {
		for line := range strings.Lines(set(strings.Repeat("a `b c` **d** [e](storage.md) ", 30), columns)) {
			if w := visible(strings.TrimSpace(line)); w > min(columns, pageColumns) {
				t.Errorf("%d columns: a line of %d: %q", columns, w, line)
			}
		}
	}
}

// No text makes it fail, loop or write control characters on a pipe.
func FuzzPage(f *testing.F) {
	for _, text := range []string{"", "```", "| a", "|", " | a |", "| a |\n| - |\n| b | c | d |", "1. ", "<!--", "[a](", "![", "**", "`", "\\", "- ```\n- |", "#"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.ContainsAny(text, "\x00\x1b") || len(text) > 10000 {
			return
		}
		if strings.Contains(set(text, 0), "\x1b") {
			t.Error("an escape sequence on a pipe")
		}
		set(text, 50)
	})
}
