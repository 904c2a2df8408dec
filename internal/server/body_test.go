package server

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// What a web page could send without asking is 415, on both endpoints.
func TestContentTypeMustBeJSON(t *testing.T) {
	i := newTestIssuer(t)
	s := newServer(t, i, nil)
	token := i.token(t, tokenParts{})
	for _, path := range []string{"/mcp", "/messages?sessionId=x"} {
		for _, contentType := range []string{
			"text/plain", "text/plain; application/json", "application/x-www-form-urlencoded",
			"multipart/form-data; boundary=x", "application/jsonp", "", "text/plain, application/json",
		} {
			r := httptest.NewRequest("POST", path, strings.NewReader(callWhoami))
			r.Host = "127.0.0.1:3001"
			r.Header.Set("Authorization", "Bearer "+token)
			if contentType != "" {
				r.Header.Set("Content-Type", contentType)
			}
			rec := httptest.NewRecorder()
			s.ServeHTTP(rec, r)
			if rec.Code != http.StatusUnsupportedMediaType {
				t.Errorf("%s as %q: %d", path, contentType, rec.Code)
			}
		}
	}
	if resp := call(s, "POST", "/mcp", token, callWhoami, "Content-Type", "x"); resp.StatusCode != 200 {
		t.Errorf("first of two: %d", resp.StatusCode)
	}
	r := httptest.NewRequest("POST", "/mcp", strings.NewReader(callWhoami))
	r.Host = "127.0.0.1:3001"
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "Application/JSON; charset=utf-8")
	rec := httptest.NewRecorder()
	s.ServeHTTP(rec, r)
	if rec.Code != 200 {
		t.Errorf("with a charset: %d", rec.Code)
	}
}

// At most 4 MiB, whether the length is announced or not; the largest
// allowed message passes; without a token nothing is read.
func TestBodyLimit(t *testing.T) {
	i := newTestIssuer(t)
	l := startServer(t, i, nil)
	c := clientWith(t, l.tokenFor(t, i, "alice"))
	padded := func(size int) string {
		return callWhoami + strings.Repeat(" ", size-len(callWhoami))
	}
	send := func(c *http.Client, body io.Reader) int {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), "POST", l.url+"/mcp", body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		resp, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	if got := send(c, strings.NewReader(padded(maxBodyBytes))); got != 200 {
		t.Errorf("4 MiB: %d", got)
	}
	if got := send(c, strings.NewReader(padded(maxBodyBytes+1))); got != 413 {
		t.Errorf("4 MiB and one byte, announced: %d", got)
	}
	if got := send(c, io.MultiReader(strings.NewReader(padded(maxBodyBytes+1)))); got != 413 {
		t.Errorf("4 MiB and one byte, chunked: %d", got)
	}
	read := &counting{r: strings.NewReader(padded(maxBodyBytes))}
	r := httptest.NewRequest("POST", "/mcp", read)
	r.Host = strings.TrimPrefix(l.url, "http://")
	rec := httptest.NewRecorder()
	l.ServeHTTP(rec, r)
	if rec.Code != 401 || read.n != 0 {
		t.Errorf("without a token: %d, %d bytes read", rec.Code, read.n)
	}
}

type counting struct {
	r io.Reader
	n int
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}

// Not JSON is a JSON-RPC parse error, not a crash.
func TestMalformedMessages(t *testing.T) {
	i := newTestIssuer(t)
	s := newServer(t, i, nil)
	token := i.token(t, tokenParts{})
	for _, body := range []string{"{", "nonsense", "[" + callWhoami + "]", strings.Repeat("[", 100_000)} {
		resp := call(s, "POST", "/mcp", token, body)
		out, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != 400 || !strings.Contains(string(out), "-32700") {
			t.Errorf("%.20s: %d %s", body, resp.StatusCode, out)
		}
	}
}
