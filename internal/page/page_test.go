package page_test

import (
	"net/http"
	"testing"

	"mcp-login/internal/page"
)

func TestTextCannotLeaveItsPlace(t *testing.T) {
	for value, want := range map[string]page.HTML{
		"": "", "two\nlines": "two\nlines",
		`<b>"&'`:               "&lt;b&gt;&#34;&amp;&#39;",
		"a\u202eb\x1bc\u200bd": "abcd",
	} {
		if got := page.Text(value); got != want {
			t.Errorf("%q: %q, want %q", value, got, want)
		}
	}
}

func TestPlacesInsideValuesStay(t *testing.T) {
	p := page.New("<style>{{Style}}</style><p>{{One}}{{Two}}</p><script>{{Script}}</script>", "p{}", "go()")
	got := p.Render(map[string]page.HTML{"One": page.Text("{{Two}}"), "Two": "<b>{{Style}}</b>"})
	if want := "<style>p{}</style><p>{{Two}}<b>{{Style}}</b></p><script>go()</script>"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestThePolicyKnowsStyleAndScriptByTheirHashes(t *testing.T) {
	const (
		style  = "style-src 'sha256-gG2yISYereRMiG2lMXrbiUgi0Ubw9p7QCeWcroOvy9Y='"
		others = "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	)
	for script, want := range map[string]string{
		"":     "default-src 'none'; " + style + others,
		"go()": "default-src 'none'; " + style + "; script-src 'sha256-5KYv+PUboo5h+0+YAtGRPbwv5d/QxzHslP4YGnUaxRw='" + others,
	} {
		h := http.Header{}
		page.New("", "p{}", script).Headers(h)
		if got := h.Get("Content-Security-Policy"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if h.Get("Referrer-Policy") != "no-referrer" || h.Get("Content-Type") != "text/html; charset=utf-8" {
			t.Error(h)
		}
	}
}
