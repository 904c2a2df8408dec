package hosts

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// An edit that touches more than the entry, breaks the file, or does not do what is
// intended, is refused, in every format.
func TestVerifyRefusesOtherEdits(t *testing.T) {
	for id, text := range map[string]string{
		"cursor": `{"mcpServers": {"a": {"command": "x", "args": ["1"]}, "b": {"command": "y"}}, "n": 1}`,
		"codex":  "n = 1\n[mcp_servers.a]\ncommand = \"x\"\nargs = [\"1\"]\n[mcp_servers.b]\ncommand = \"y\"\n",
		"goose":  "n: 1\nextensions:\n  a:\n    cmd: \"x\"\n    args: [\"1\"]\n  b:\n    cmd: \"y\"\n",
	} {
		c, _ := Find(id)
		body := []byte(text)
		at := func(part, with string) edit {
			i := strings.Index(text, part)
			return edit{i, i + len(part), with}
		}
		one := intent{name: "a", want: &Server{Name: "a", Command: "z", Args: []string{"1"}}, words: true}
		if out, err := c.verify(body, []edit{at(`"x"`, `"z"`)}, one); err != nil || !bytes.Contains(out, []byte(`"z"`)) {
			t.Errorf("%s: the right edit: %v", id, err)
		}
		for what, edits := range map[string][]edit{
			"another member": {at(`"x"`, `"z"`), at("1", "2")},
			"another entry":  {at(`"x"`, `"z"`), at(`"y"`, `"q"`)},
			"another word":   {at(`"x"`, `"q"`)},
			"nothing":        nil,
			"broken":         {at(`"x"`, `"`)},
			"overlapping":    {at(`"x"`, `"z"`), at(`x`, `z`)},
			"outside":        {{len(text), len(text) + 1, ""}},
		} {
			if out, err := c.verify(body, edits, one); !errors.Is(err, ErrLayout) {
				t.Errorf("%s: %s: %v\n%s", id, what, err, out)
			}
		}
		if _, err := c.verify(body, nil, intent{name: "a"}); !errors.Is(err, ErrLayout) {
			t.Errorf("%s: it stayed: %v", id, err)
		}
	}
}

// Words that some YAML parser takes for another type are quoted, and characters that it
// need not accept are escaped.
func TestAmbiguousWordsAreQuoted(t *testing.T) {
	for _, word := range []string{"", "no", "No", "yes", "on", "OFF", "y", "N", "true", "False", "null", "~", "1", "1.0", "-x", "a b", "a:b", "@x", "é", "0x1f", "1e3", ".inf", "-"} {
		if got := quoteYAML(word); !strings.HasPrefix(got, `"`) {
			t.Errorf("%q is written as %s", word, got)
		}
	}
	for _, word := range []string{"mcp-login", "npx", "a_1"} {
		if got := quoteYAML(word); got != word {
			t.Errorf("%q is written as %s", word, got)
		}
	}
	hard := "a\x7fb\u0085\u2028\u2029\ufeff\x01\n\\\""
	if got := quoteYAML(hard); strings.ContainsAny(got, "\x7f\u0085\u2028\u2029\ufeff\x01\n") {
		t.Errorf("%+q", got)
	}
	if got := (&tomlDocument{}).quote(hard); strings.ContainsAny(got, "\x7f\x01\n") {
		t.Errorf("%+q", got)
	}
}
