package reader

import (
	"strings"
	"testing"
)

// A page is read as people do: commands with what they print, indented in a list as well,
// and other blocks are none. A command with neither output nor reason is a mistake.
func TestCommands(t *testing.T) {
	page := strings.ReplaceAll(`Text
~~~js
x
~~~
~~~sh
export A='b c'
export D1='e'
~~~

Not run by a test: these are yours.

- in a list

  ~~~sh
  one \
    two
  ~~~

  ~~~text
  said
    more
  ~~~
`, "~~~", "```")
	all, err := Commands(page)
	if err != nil || len(all) != 2 {
		t.Fatalf("%v, %v", all, err)
	}
	first, second := all[0], all[1]
	if set := first.Variables(); first.Line != 5 || first.NotRun != "these are yours." || set["A"] != "b c" || set["D1"] != "e" {
		t.Errorf("%+v %v", first, set)
	}
	if second.Line != 14 || second.Text != "one \\\n  two" || strings.Join(second.Prints, "|") != "said|  more" || second.NotRun != "" {
		t.Errorf("%+v", second)
	}
	for _, bad := range []string{"~~~sh\nx\n~~~", "~~~sh\nx\n~~~\n\nIt prints nothing.\n", "~~~sh\nx\n~~~\nNot run by a test\n"} {
		if all, err := Commands(strings.ReplaceAll(bad, "~~~", "```")); err == nil {
			t.Errorf("%q: %+v", bad, all)
		}
	}
}

// What is printed is compared to the letter, but for what the page leaves open.
func TestCompare(t *testing.T) {
	for page, printed := range map[string]map[string]bool{
		"a.b":        {"a.b\n": true, "a.b": true, "axb\n": false, "a.b\nc\n": false, "x\na.b\n": false},
		"…\nb\n…":    {"b\n": true, "a\nb\nc\nd\n": true, "ab\n": false},
		"a … d":      {"a b c d\n": true, "a b\nd\n": false},
		"for 59 min": {"for 60 min\n": true, "for 1 h\n": false},
	} {
		for text, want := range printed {
			if got := (Command{Prints: strings.Split(page, "\n")}).compare(text) == nil; got != want {
				t.Errorf("%q, %q: %v", page, text, got)
			}
		}
	}
	if !(Command{Prints: []string{"mcp-login: error: …"}}).fails() || (Command{Prints: []string{`"error":"x"`}}).fails() {
		t.Error("what is shown to fail")
	}
}
