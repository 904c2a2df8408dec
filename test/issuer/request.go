package issuer

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/oauthex"
)

// Request is a request as a client of [Resource] sends it: "" for a token or a Content-Type is none.
func Request(method, target, token string, body io.Reader, header ...string) *http.Request {
	r := httptest.NewRequest(method, target, body)
	r.Host = "127.0.0.1:3001"
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if r.ContentLength != 0 {
		r.Header.Set("Content-Type", "application/json")
	}
	for k := 0; k+1 < len(header); k += 2 {
		switch name, value := header[k], header[k+1]; {
		case name == "Host":
			r.Host = value
		case name == "Content-Type" && value == "":
			r.Header.Del(name)
		case name == "Content-Type":
			r.Header.Set(name, value)
		default:
			r.Header.Add(name, value)
		}
	}
	return r
}

// Serve gives a request straight to the handler.
func Serve(s http.Handler, r *http.Request) *http.Response {
	rec := httptest.NewRecorder()
	s.ServeHTTP(rec, r)
	return rec.Result()
}

// Call does both.
func Call(s http.Handler, method, target, token, body string, header ...string) *http.Response {
	return Serve(s, Request(method, target, token, strings.NewReader(body), header...))
}

// CallWhoami is a call of a tool.
const CallWhoami = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"whoami","arguments":{}}}`

// MustURL parses a URL.
func MustURL(t testing.TB, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// Challenge parses the answer's challenge with another implementation.
func Challenge(t *testing.T, resp *http.Response) map[string]string {
	t.Helper()
	parsed, err := oauthex.ParseWWWAuthenticate(resp.Header.Values("WWW-Authenticate"))
	if err != nil || len(parsed) != 1 || !strings.EqualFold(parsed[0].Scheme, "bearer") {
		t.Fatalf("challenge %q: %v, %v", resp.Header.Values("WWW-Authenticate"), parsed, err)
	}
	return parsed[0].Params
}

// Challenges parses all of them with another implementation, by scheme in lower case.
func Challenges(t *testing.T, resp *http.Response) map[string]map[string]string {
	t.Helper()
	parsed, err := oauthex.ParseWWWAuthenticate(resp.Header.Values("WWW-Authenticate"))
	if err != nil {
		t.Fatalf("challenges %q: %v", resp.Header.Values("WWW-Authenticate"), err)
	}
	all := make(map[string]map[string]string)
	for _, one := range parsed {
		if scheme := strings.ToLower(one.Scheme); all[scheme] == nil {
			all[scheme] = one.Params
		} else {
			t.Errorf("two challenges of %s", scheme)
		}
	}
	return all
}

// ErrorCode is what a refusal says for programs.
func ErrorCode(t *testing.T, resp *http.Response) string {
	t.Helper()
	var doc struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&doc); err != nil || doc.Description == "" {
		t.Fatalf("body %+v: %v", doc, err)
	}
	return doc.Error
}
