package devidp

import (
	"net/http/httptest"
	"strings"
	"testing"

	"mcp-login/internal/page"
)

// Nothing that a client or a person has written is markup on a page, nor a place
// of the page's frame.
func TestPagesEscape(t *testing.T) {
	const evil = `">!<script>alert('1')</script>{{Content}}&`
	users := []User{{Subject: evil, Username: evil, Name: evil, Email: evil}}
	for name, content := range map[string]page.HTML{
		"done":        donePage(evil, evil),
		"sign-in":     signInPage(evil, request{client: Client{ID: evil, Name: evil}, scopes: []string{evil}, resources: []string{evil}, loginHint: evil}, users),
		"unnamed":     signInPage(evil, request{client: Client{ID: evil}}, users),
		"device":      devicePage(evil, "", &request{client: Client{ID: evil, Name: evil}}, users),
		"device, bad": devicePage(evil, evil, nil, users),
	} {
		rec := httptest.NewRecorder()
		show(rec, 200, content)
		body := rec.Body.String()
		if strings.Contains(body, "<script") || strings.Contains(body, "'1'") || strings.Contains(body, `">!`) {
			t.Errorf("%s: markup got through:\n%s", name, content)
		}
		if n := strings.Count(body, "<main>") + strings.Count(body, "</html>"); n != 2 {
			t.Errorf("%s: the frame is there %d times", name, n)
		}
		if !strings.Contains(body, "&#34;&gt;!&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;{{Content}}&amp;") {
			t.Errorf("%s: the value is not shown:\n%s", name, content)
		}
	}
}

// The user whom the client has named is set apart, by name or address.
func TestTheUserNamedByTheClientIsSetApart(t *testing.T) {
	users := []User{{Username: "alice", Email: "a@example.test"}, {Username: "bob", Email: "b@example.test"}}
	for hint, want := range map[string]string{"bob": "bob", "a@example.test": "alice", "": "", "carol": ""} {
		body := string(choices(users, hint))
		if n := strings.Count(body, "hinted"); want == "" && n != 0 || want != "" && (n != 1 || !strings.Contains(body, `value="`+want+`" class="hinted" autofocus`)) {
			t.Errorf("%q: %s", hint, body)
		}
	}
}
