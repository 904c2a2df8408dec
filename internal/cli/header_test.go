package cli

import (
	"net/url"
	"strings"
	"testing"

	"mcp-login/internal/header"
)

// ${NAME} in header values; nothing of a refused header is shown; no header can
// smuggle in another one.
func TestHeaders(t *testing.T) {
	getenv := env("KEY", "s3cret", "EVIL", "a\r\nX: y")
	o := options{headers: []string{"X-Key: ${KEY}", "X-Plain:a$b${", "X-Key: two"}}
	h, err := o.header(getenv)
	if err != nil || strings.Join(h["X-Key"], ",") != "s3cret,two" || h.Get("X-Plain") != "a$b${" {
		t.Errorf("%v, %v", h, err)
	}
	for _, bad := range []string{"no colon s3cret", ": s3cret", "X Y: s3cret", "X\r\nY: s3cret", "X: ${EVIL}", "X: a\x00b"} {
		o.headers = []string{bad}
		if _, err := o.header(getenv); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// Names end at a colon or an equals sign; variables have either spelling, and one
// that is missing is named without a word of the others.
func TestHeaderLinesAsPeopleWriteThem(t *testing.T) {
	getenv := env("KEY", "s3cret", "BLANK", " \n", "LINE", "abc\n")
	for line, want := range map[string]string{
		"X-Key=abc": "abc", "X-Key = a:b=c": "a:b=c", "X-Key:a=b": "a=b", "X-Key: ${env:KEY}": "s3cret", "X-Key:": "", "X-Key: ${}$KEY${": "${}$KEY${", "X-Key: ${LINE}": "abc",
		"X-Key: ${KEY}${KEY}": "s3crets3cret",
	} {
		h, err := (&options{headers: []string{line}}).header(getenv)
		if err != nil || h.Get("X-Key") != want || len(h.Values("X-Key")) != 1 {
			t.Errorf("%q: %v, %v", line, h, err)
		}
	}
	for line, named := range map[string]string{
		"X-Key: ${NOPE}": "NOPE", "X-Key: ${KEY} ${NOPE}": "NOPE", "X-Key: ${BLANK}": "BLANK", "X-Key: ${env:NOPE}": "NOPE", "X-Key: ${s3cret!}": "X-Key",
		"Authorization: Bearer": "Bearer", "authorization=Basic ": "Basic",
	} {
		_, err := (&options{headers: []string{line}}).header(getenv)
		if err == nil || !strings.Contains(err.Error(), named) || strings.Contains(err.Error(), "s3cret") || exitCode(t.Context(), err) != exitUsage {
			t.Errorf("%q: %v", line, err)
		}
	}
}

// The User-Agent is the program's, with the address that the client ID metadata
// document has, unless the person chose one; what would begin another header is
// refused.
func TestUserAgentIsOursUnlessOneIsChosen(t *testing.T) {
	o := options{}
	own, address, _ := strings.Cut(strings.TrimSuffix(agent(""), ")"), " (+")
	u, err := url.Parse(address)
	if !strings.HasPrefix(own, "mcp-login/") || strings.ContainsAny(own, " ()") || err != nil || !strings.Contains(page(t, "docs/client-metadata.json"), u.Scheme+"://"+u.Host+"/") {
		t.Errorf("%q", agent(""))
	}
	for value, want := range map[string]string{"Desktop/7 (X11; Linux)": "Desktop/7 (X11; Linux)", "": agent(""), "  ": agent("")} {
		chosen := options{connectionFlags: connectionFlags{userAgent: value}}
		h, err := chosen.header(env())
		if err != nil || chosen.check() != nil || h.Get("User-Agent") != want {
			t.Errorf("%q: %q, %v", value, h.Get("User-Agent"), err)
		}
	}
	for _, bad := range []string{"a\r\nX-Evil: 1", "a\nb", "a\x00", "a\x7f"} {
		if err := (&options{connectionFlags: connectionFlags{userAgent: bad}}).check(); err == nil || strings.Contains(err.Error(), "a") && strings.Contains(err.Error(), "Evil") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	o.headers = []string{"user-agent: Desktop/7"}
	if h, err := o.header(env()); err != nil || len(h.Values("User-Agent")) != 1 || h.Get("User-Agent") != "Desktop/7" {
		t.Errorf("%v, %v", h, err)
	}
}

// FuzzHeader: whatever stands in a line and a variable, one header comes of it, in a
// form that can be sent, or an error.
func FuzzHeader(f *testing.F) {
	for _, line := range []string{"X-Key: ${A}", "X=${env:A}:", "Authorization: Bearer ${A}${", "a\r\nb: c", "${A}: x", "=x", ":", "X: ${${A}}"} {
		f.Add(line, "value")
		f.Add(line, "a\r\nX-Evil: 1")
	}
	f.Fuzz(func(t *testing.T, line, value string) {
		h, err := (&options{headers: []string{line}, connectionFlags: connectionFlags{userAgent: "x"}}).header(func(string) string { return value })
		if err != nil {
			return
		}
		if len(h) > 2 {
			t.Fatalf("%q: %v", line, h)
		}
		for name, values := range h {
			if !header.ValidName(name) || !header.ValidValue(strings.Join(values, "")) {
				t.Errorf("%q: %q: %q", line, name, values)
			}
		}
	})
}
