package upstream

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// Schemas that must not be offered.
func TestInvalidParamHeadersAreRefused(t *testing.T) {
	property := func(p string) string { return `{"type":"object","properties":{"a":` + p + `}}` }
	for name, schema := range map[string]string{
		"empty":       property(`{"type":"string","x-mcp-header":""}`),
		"no text":     property(`{"type":"string","x-mcp-header":7}`),
		"blank":       property(`{"type":"string","x-mcp-header":"a b"}`),
		"colon":       property(`{"type":"string","x-mcp-header":"a:b"}`),
		"non-ASCII":   property(`{"type":"string","x-mcp-header":"é"}`),
		"control":     property(`{"type":"string","x-mcp-header":"a\r\nb"}`),
		"number":      property(`{"type":"number","x-mcp-header":"A"}`),
		"object":      property(`{"type":"object","x-mcp-header":"A"}`),
		"array":       property(`{"type":"array","x-mcp-header":"A"}`),
		"null":        property(`{"type":"null","x-mcp-header":"A"}`),
		"no type":     property(`{"x-mcp-header":"A"}`),
		"two types":   property(`{"type":["string","integer"],"x-mcp-header":"A"}`),
		"doubled":     `{"properties":{"a":{"type":"string","x-mcp-header":"X"},"b":{"type":"string","x-mcp-header":"x"}}}`,
		"root":        `{"type":"string","x-mcp-header":"A"}`,
		"items":       property(`{"type":"array","items":{"type":"string","x-mcp-header":"A"}}`),
		"oneOf":       property(`{"oneOf":[{"type":"string","x-mcp-header":"A"}]}`),
		"root anyOf":  `{"anyOf":[{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}]}`,
		"conditional": `{"if":{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}}`,
		"$defs":       `{"$defs":{"d":{"type":"string","x-mcp-header":"A"}}}`,
	} {
		if found, err := paramHeaders([]byte(schema)); err == nil {
			t.Errorf("%s: accepted as %v", name, found)
		}
	}
}

// The headers of a valid schema, each with its path.
func TestParamHeadersAreFoundWithTheirPaths(t *testing.T) {
	schema := `{"properties":{"a":{"type":"string","x-mcp-header":"Region"},
		"x-mcp-header":{"type":"string","default":{"x-mcp-header":""}},
		"o":{"type":"object","properties":{"n":{"type":["null","integer"],"x-mcp-header":"Deep"}}}}}`
	found, err := paramHeaders([]byte(schema))
	if err != nil || len(found) != 2 {
		t.Fatal(found, err)
	}
	if found[0].header != "Region" || strings.Join(found[0].path, "/") != "a" || found[1].header != "Deep" || strings.Join(found[1].path, "/") != "o/n" {
		t.Error(found)
	}
}

// How an argument is written.
func TestParamHeaderValueIsWrittenAsSpecified(t *testing.T) {
	for argument, want := range map[string]string{
		`"us-west1"`: "us-west1", `""`: "", `42`: "42", `42.0`: "42", `-7`: "-7", `true`: "true", `false`: "false",
		`" padded "`: "=?base64?IHBhZGRlZCA=?=", `"a\tb"`: "=?base64?YQli?=", `"us west 1"`: "us west 1", `9007199254740993`: "9007199254740993",
		`null`: "-", `{}`: "-", `["a"]`: "-",
	} {
		got := "-"
		eachParamValue([]paramHeader{{"A", []string{"a"}}}, []byte(`{"a":`+argument+`}`), func(_, value string) { got = value })
		if got != want {
			t.Errorf("%s: %q, want %q", argument, got, want)
		}
	}
	eachParamValue([]paramHeader{{"A", []string{"a"}}}, []byte(`{}`), func(string, string) { t.Error("an absent argument has a value") })
}

// decodeHeader reads a header value as a server does.
func decodeHeader(t interface{ Fatal(...any) }, value string) string {
	inner, ok := strings.CutPrefix(value, "=?base64?")
	if !ok || !strings.HasSuffix(inner, "?=") {
		return value
	}
	b, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(inner, "?="))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// headerSafe reports whether a value survives HTTP: visible ASCII and inner blanks.
func headerSafe(value string) bool {
	for i := range len(value) {
		if value[i] < ' ' || value[i] > '~' {
			return false
		}
	}
	return value == strings.TrimSpace(value)
}

// Every text comes out of its header as it went in, and no text can break
// out of it.
func TestHeaderValueCanBeDecoded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[ \t]*=\?base64\?[a-z=]*\?=`)).Draw(t, "text")
		value := headerValue(text)
		if !headerSafe(value) || decodeHeader(t, value) != text {
			t.Fatalf("%q became %q", text, value)
		}
	})
}

func FuzzHeaderValue(f *testing.F) {
	for _, s := range []string{"", " a", "a\r\nX: y", "=?base64?YQ==?=", "é", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		value := headerValue(text)
		if !headerSafe(value) {
			t.Fatalf("%q became %q", text, value)
		}
		if utf8.ValidString(text) && decodeHeader(t, value) != text {
			t.Fatalf("%q became %q", text, value)
		}
	})
}

// Any schema and any arguments: no panic, and only headers that HTTP takes.
func FuzzParamHeaders(f *testing.F) {
	f.Add(`{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}`, `{"a":"b"}`)
	f.Add(`{"properties":{"a":{"properties":{"b":{"type":"integer","x-mcp-header":"A"}}}}}`, `{"a":{"b":1e999999999}}`)
	f.Fuzz(func(t *testing.T, schema, arguments string) {
		list, err := paramHeaders([]byte(schema))
		if err != nil {
			return
		}
		h := http.Header{}
		eachParamValue(list, []byte(arguments), func(header, value string) { h.Set(headerParam+header, value) })
		for name, values := range h {
			if !token(name) || !headerSafe(values[0]) {
				t.Fatalf("%q: %q", name, values)
			}
		}
	})
}

// A header name is a token of RFC 9110, section 5.6.2.
func TestTokenIsAHeaderName(t *testing.T) {
	if !token("X-a!#$%&'*+.^_`|~0") || token("") || strings.ContainsFunc("() ,/:;<=>?@[\\]{}\"\x7f\x00é", func(r rune) bool { return token(string(r)) }) {
		t.Error("the token grammar of RFC 9110 is not kept")
	}
}
