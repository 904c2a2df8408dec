package loopback

import (
	"errors"
	"net/http"
	"net/url"
	"testing"

	"mcp-login/internal/hint"
)

// comeBack opens the redirect URI in a browser that the login has marked, and returns
// the status. Either the login ends with that, or it is as good as before.
func comeBack(t *testing.T, ends bool, query string, header ...string) (status int) {
	t.Helper()
	l, here, _, ch := led(t, Options{})
	b := newBrowser(t)
	if status, _, _ := b.open("GET", here); status != http.StatusSeeOther {
		t.Fatal(status)
	}
	status, to, cookie := b.open("GET", l.URI()+query, header...)
	if to != "" || cookie != "" {
		t.Errorf("%q %v: to %q, %q", query, header, to, cookie)
	}
	if !ends {
		answered(t, b, l, ch, "c", "s")
		return status
	}
	r := <-ch
	if !errors.Is(r.err, ErrReturned) || hint.Of(r.err) == "" || r.query != nil {
		t.Errorf("%q %v: %v", query, header, r.err)
	}
	return status
}

// A person who cancels at Logto's consent page comes back to the bare redirect URI,
// without a code, an error or a state: the login ends, and tab and program say so.
func TestReturnedWithoutAnswer(t *testing.T) {
	tab := []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Fetch-Site", "cross-site"}
	for _, query := range []string{"", "?", "?iss=https%3A%2F%2Fprovider.example", "?state=s", "?state=s&iss=x", "?cancelled=1", "?code=", "?error="} {
		for _, header := range [][]string{nil, tab, append([]string{"Referer", "https://login.provider.example/consent"}, tab...)} {
			if status := comeBack(t, true, query, header...); status != http.StatusOK {
				t.Errorf("%q %v: status %d", query, header, status)
			}
		}
	}
}

// The attack: pages of other sites and of other ports of this machine, which share
// cookies with the login, and what browsers fetch in advance, want to end it. They can
// neither end it nor use up its answer.
func TestReturnedIsNotForOthers(t *testing.T) {
	for name, header := range map[string][]string{
		"an image of a page on another port":  {"Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image", "Sec-Fetch-Site", "same-site"},
		"a script of such a page":             {"Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "script", "Sec-Fetch-Site", "same-site"},
		"a request of its script":             {"Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty", "Sec-Fetch-Site", "same-site"},
		"a frame in it":                       {"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe", "Sec-Fetch-Site", "same-site"},
		"an old kind of frame":                {"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "object", "Sec-Fetch-Site", "same-site"},
		"an older browser's image":            {"Sec-Fetch-Mode", "no-cors"},
		"a web socket":                        {"Sec-Fetch-Mode", "websocket", "Sec-Fetch-Dest", "empty"},
		"a link of another site":              {"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Referer", "https://evil.example/"},
		"a link of a page on another port":    {"Referer", "http://127.0.0.1:8080/x"},
		"a link of a site that looks like it": {"Referer", "https://provider.example.evil.example/"},
		"a Referer that cannot be read":       {"Referer", "%zz://"},
		"a page that is prerendered":          {"Sec-Purpose", "prefetch;prerender", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"},
		"a page fetched in advance":           {"Purpose", "prefetch"},
	} {
		if status := comeBack(t, false, "", header...); status < http.StatusBadRequest {
			t.Errorf("%s: status %d", name, status)
		}
	}
	for _, query := range []string{"?state=t", "?state=s&state=s", "?state=", "?state=s;x", "?state[]=t&state=t"} {
		if status := comeBack(t, false, query); status < http.StatusBadRequest {
			t.Errorf("%q: status %d", query, status)
		}
	}
}

// A program of this machine, another browser, and one with another login's mark have no
// part in it, whether the address was opened or not; nor is anything ended before or
// after somebody waits.
func TestReturnedNeedsTheMark(t *testing.T) {
	l, here, mark, ch := led(t, Options{})
	_, _, otherMark, _ := led(t, Options{})
	b, other := newBrowser(t), newBrowser(t)
	for range 2 {
		for _, cookie := range []string{"", "x=y", otherMark, mark + "x"} {
			for _, query := range []string{"", "?state=s", "?iss=x"} {
				if status, _, _ := other.open("GET", l.URI()+query, "Cookie", cookie); status != http.StatusBadRequest {
					t.Errorf("%q with %q: %d", query, cookie, status)
				}
			}
		}
		b.open("GET", here)
	}
	answered(t, b, l, ch, "c", "s")
	if status, _, _ := b.open("GET", l.URI()); status != http.StatusBadRequest {
		t.Errorf("after the login: %d", status)
	}
	// A person who pastes where the browser ended says so with the mark of the process.
	again := receive(t.Context(), l, "s2")
	if status, _, _ := other.open("GET", l.URI(), "Cookie", mark); status != http.StatusOK {
		t.Errorf("pasted: %d", status)
	}
	if r := <-again; !errors.Is(r.err, ErrReturned) {
		t.Error(r.err)
	}
}

// FuzzReturned: without the mark, no query and no header ends a login.
func FuzzReturned(f *testing.F) {
	f.Add("state=s", "navigate", "document", "https://provider.example/")
	f.Add("", "", "", "")
	f.Fuzz(func(t *testing.T, raw, mode, dest, referer string) {
		query, err := url.ParseQuery(raw)
		if err != nil {
			return
		}
		l := &Listener{state: "s", local: &local{to: provider, cookie: &http.Cookie{Name: "mcp-login-1", Value: "v"}}}
		r := &http.Request{Header: http.Header{"Sec-Fetch-Mode": {mode}, "Sec-Fetch-Dest": {dest}, "Referer": {referer}}}
		if l.returned(r, query) {
			t.Error("ended without the mark")
		}
		r.Header.Set("Cookie", "mcp-login-1=v")
		if l.returned(r, query) && (query.Get("code") != "" || query.Get("error") != "") {
			t.Error("an answer is taken for none")
		}
	})
}
