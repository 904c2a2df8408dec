package loopback

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// What a provider says about an account, and a client about itself, is seen on
// the page or not there.
func TestPageShowsNothingUnseen(t *testing.T) {
	const evil = "CANARY\x1b[2J\u009b\u202e\u2066\u061c\u200b\ufeff\U000e0041\ufe0f\u115f\u2028\nEND"
	p := newPages(Options{Server: evil, Program: evil})
	w := httptest.NewRecorder()
	p.show(w, httptest.NewRequest(http.MethodGet, "/callback", nil), outcome{account: evil})
	body := w.Body.String()
	if !strings.Contains(body, "CANARY[2J; END") || strings.ContainsAny(body, "\x1b\u009b\u202e\u2066\u061c\u200b\ufeff\U000e0041\ufe0f\u115f\u2028") {
		t.Errorf("%q", body)
	}
}
