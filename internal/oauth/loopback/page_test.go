package loopback

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"mcp-login/internal/page"
)

// rendered is the page for one outcome, as a browser gets it.
func rendered(t *testing.T, p pages, language string, o outcome) string {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/callback?code=c&state=s", nil)
	r.Header.Set("Accept-Language", language)
	w := httptest.NewRecorder()
	p.show(w, r, o)
	if got := w.Header().Get("Content-Language"); got != language {
		t.Errorf("Content-Language %q, want %q", got, language)
	}
	return w.Body.String()
}

type codeError string

func (codeError) Error() string       { return "text of the provider" }
func (c codeError) OAuthCode() string { return string(c) }

type failureError string

func (failureError) Error() string          { return "text of the provider" }
func (f failureError) LoginFailure() string { return string(f) }

// The page says who signed in, to which server and for which
// program, in every language.
func TestPageSaysWho(t *testing.T) {
	p := newPages(Options{Server: "mcp.example", Program: "Example Desktop"})
	for _, w := range languages {
		body := rendered(t, p, w.tag, outcome{account: "alice@example.test"})
		for _, want := range []string{
			`<html lang="` + w.tag + `">`, "<title>" + w.signedIn + " · mcp-login</title>", "<h1>" + w.signedIn + "</h1>",
			"<dt>" + w.account + "</dt><dd><bdi>alice@example.test</bdi></dd>", "<dt>" + w.server + "</dt><dd><bdi>mcp.example</bdi></dd>",
			"<dt>" + w.program + "</dt><dd><bdi>Example Desktop</bdi></dd>", strings.ReplaceAll(w.backTo, "{program}", "Example Desktop"),
		} {
			if !strings.Contains(body, want) {
				t.Errorf("%s: not on the page: %s", w.tag, want)
			}
		}
		bare := rendered(t, newPages(Options{}), w.tag, outcome{})
		if strings.Contains(bare, "<dl>") || !strings.Contains(bare, w.back) {
			t.Errorf("%s: a page without details: %s", w.tag, bare)
		}
	}
}

// Each way to fail has its own page that says what to do; a code
// that is not known is not shown, as it is text from the provider.
func TestPageSaysWhatToDo(t *testing.T) {
	p := newPages(Options{Server: "mcp.example"})
	codes := map[string]reason{
		"access_denied": reasonDenied, "invalid_scope": reasonScope, "invalid_target": reasonTarget, "invalid_client": reasonClient,
		"unauthorized_client": reasonNotAllowed, "invalid_grant": reasonSpent, "invalid_request": reasonRequest, "login_required": reasonInteraction,
		"server_error": reasonBroken, "temporarily_unavailable": reasonBusy,
	}
	pages := map[string]string{}
	for _, w := range languages {
		check := func(name string, err error, why reason, code string) {
			t.Helper()
			body := rendered(t, p, w.tag, outcome{account: "nobody", err: err})
			if a := w.reasons[why]; !strings.Contains(body, "<p>"+a.what+"</p>\n<p>"+string(withCode(page.HTML(a.next)))+"</p>") || !strings.Contains(body, "<h1>"+w.failed+"</h1>") {
				t.Errorf("%s, %s: %s", w.tag, name, body)
			}
			if strings.Contains(body, "<bdi>"+code+"</bdi>") != (code != "") || strings.Contains(body, "text of the provider") {
				t.Errorf("%s, %s: the code: %s", w.tag, name, body)
			}
			if other, ok := pages[body]; ok && other != name {
				t.Errorf("%s: %s and %s have the same page", w.tag, name, other)
			}
			pages[body] = name
		}
		for code, why := range codes {
			check(code, fmt.Errorf("sign in: %w", codeError(code)), why, code)
		}
		check("late", fmt.Errorf("exchange the code: %w", context.DeadlineExceeded), reasonExpired, "")
		check("late", errNoOutcome, reasonExpired, "")
		check("late", failureError("timeout"), reasonExpired, "")
		check("foreign", fmt.Errorf("sign in: %w", failureError("foreign")), reasonForeign, "")
		check("unavailable", failureError("unavailable"), reasonBroken, "")
		check("unknown", failureError("something"), reasonUnknown, "")
		check("unknown", errors.New("text of the provider"), reasonUnknown, "")
		check("unknown", codeError("Access_Denied<b>"), reasonUnknown, "")
	}
	if want := (len(codes) + 4) * len(languages); len(pages) != want {
		t.Errorf("%d different pages, want %d", len(pages), want)
	}
}

// A screen reader finds its way. Language, title, one main part,
// one heading, the outcome as a status, nothing that needs a script, a mouse or
// something from elsewhere.
func TestPageStructure(t *testing.T) {
	p := newPages(Options{Server: "s", Program: "p"})
	for _, o := range []outcome{{account: "a"}, {err: codeError("access_denied")}} {
		body := rendered(t, p, "fr", o)
		for _, once := range []string{`<html lang="fr">`, "<title>", "<main ", "</main>", "<h1>", `role="status"`, "<footer>", `aria-hidden="true"`, `name="viewport"`, `name="color-scheme" content="light dark"`} {
			if n := strings.Count(body, once); n != 1 {
				t.Errorf("%s: %d times", once, n)
			}
		}
		for _, never := range []string{"<script", "<a ", "<img", "<form", "<link", "onload", "http:", "https:", "url(", "@import", "user-scalable", "{{", "{program}", "`"} {
			if strings.Contains(body, never) {
				t.Errorf("%s is on the page", never)
			}
		}
	}
}

// What stands on the page is text and stays in its place, whatever it holds; what
// a provider says about an account, and a client about itself, is seen there or is not
// there.
func TestPageEscapes(t *testing.T) {
	const unseen = "\x1b\u009b\u202e\u2066\u061c\u200b\ufeff\U000e0041\ufe0f\u115f\u2028"
	evil := "CANARY\x1b[2J\u009b\u202e\u2066\u061c\u200b\ufeff\U000e0041\ufe0f\u115f\u2028\nEND\"'><script>alert(1)</script>{{details}}{program}" + strings.Repeat("x", 1000)
	p := newPages(Options{Server: evil, Program: evil})
	for _, w := range languages {
		body := rendered(t, p, w.tag, outcome{account: evil})
		if strings.Contains(body, "<script") || !strings.Contains(body, "CANARY[2J; END") || strings.ContainsAny(body, unseen) || strings.Count(body, "<dl>") != 1 || strings.Count(body, "x") > 600 {
			t.Errorf("%s: %s", w.tag, body)
		}
	}
}

// WCAG 2.2, 1.4.3: text has a contrast of at least 4.5 to what
// is behind it, in light and in dark.
func TestPageContrast(t *testing.T) {
	schemes := regexp.MustCompile(`(?s):root \{([^}]*)\}`).FindAllStringSubmatch(pageCSS, -1)
	if len(schemes) != 2 {
		t.Fatalf("%d schemes", len(schemes))
	}
	for i, scheme := range schemes {
		colours := map[string]float64{}
		for _, m := range regexp.MustCompile(`--([a-z]+): #([0-9a-f]{6});`).FindAllStringSubmatch(scheme[1], -1) {
			colours[m[1]] = luminance(t, m[2])
		}
		// What the rest of the style lays on what.
		for _, pair := range [][2]string{{"ink", "card"}, {"ink", "paper"}, {"soft", "card"}, {"soft", "paper"}, {"card", "good"}, {"card", "bad"}} {
			a, known := colours[pair[0]]
			b, also := colours[pair[1]]
			ratio := (max(a, b) + .05) / (min(a, b) + .05)
			if !known || !also || ratio < 4.5 {
				t.Errorf("scheme %d: %s on %s: %.2f", i, pair[0], pair[1], ratio)
			}
			t.Logf("scheme %d: %s on %s: %.2f", i, pair[0], pair[1], ratio)
		}
	}
	// Every colour is one of those.
	_, rest, _ := strings.Cut(pageCSS, "* {")
	for _, m := range regexp.MustCompile(`(?:color|background): ([^;]+);`).FindAllStringSubmatch(rest, -1) {
		if !strings.HasPrefix(m[1], "var(--") {
			t.Errorf("a colour that was not looked at: %s", m[0])
		}
	}
}

// luminance is the relative luminance of WCAG 2.2.
func luminance(t *testing.T, rgb string) float64 {
	t.Helper()
	sum := 0.
	for i, weight := range []float64{.2126, .7152, .0722} {
		n, err := strconv.ParseUint(rgb[2*i:2*i+2], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(n) / 255
		if c <= .04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}
