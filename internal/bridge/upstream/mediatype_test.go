package upstream

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"mcp-login/internal/jsonrpc"
)

func TestMediaTypeIsReadLeniently(t *testing.T) {
	for header, want := range map[string]string{
		"application/json": typeJSON, "Application/JSON": typeJSON, "application/json;charset=utf-8": typeJSON, "application/json; charset": typeJSON, "application/json;": typeJSON,
		"application/json charset=utf-8": typeJSON, "application/json, text/html": typeJSON, "text/event-stream;charset=\"utf-8": typeSSE,
		"": "", " ": "", ";charset=utf-8": "", "text/html, application/json": "text/html", "application/jsonp": "application/jsonp",
	} {
		if got := mediaType(&http.Response{Header: http.Header{"Content-Type": {header}}}); got != want {
			t.Errorf("%q: %q, want %q", header, got, want)
		}
	}
}

// sniffedCall sends a call whose answer has no media type, and returns what came.
func sniffedCall(t *testing.T, body io.Reader, size int64) (got []string, err error) {
	t.Helper()
	u := withTransport(t, Config{MaxMessage: 1 << 20}, func(r *http.Request) (*http.Response, error) {
		_ = r.Body.Close()
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(body), ContentLength: size, Request: r}, nil
	})
	m, _ := jsonrpc.Parse(rawCall("tools/call"))
	err = u.Send(t.Context(), m, jsonrpc.SinkFunc(func(one jsonrpc.Message) { got = append(got, string(one.Raw)) }))
	return got, err
}

// A body without a media type is the answer if it is that alone, whatever pieces it
// comes in; with anything else it is no MCP server, or an answer that broke off.
func TestBodyWithoutMediaTypeIsTheAnswerAloneOrAnError(t *testing.T) {
	large := `{"jsonrpc":"2.0","id":1,"result":{"x":"` + strings.Repeat("y", 600<<10) + `"}}`
	const note = `{"jsonrpc":"2.0","method":"notifications/message"}`
	for name, c := range map[string]struct {
		body   string
		taken  string
		reason Reason
	}{
		"JSON":                 {anAnswer, anAnswer, 0},
		"blanks":               {"\r\n\t " + anAnswer + "\r\n ", anAnswer, 0},
		"large":                {large, large, 0},
		"event":                {"event: message\r\ndata: " + anAnswer + "\r\n\r\n", anAnswer, 0},
		"large event":          {"data: " + large + "\n\n", large, 0},
		"event without end":    {"id: 1\ndata: " + anAnswer, anAnswer, 0},
		"others before":        {"data: " + note + "\n\ndata: " + anAnswer + "\n\n", anAnswer, 0},
		"nothing":              {"", "", NotMCP},
		"blanks alone":         {strings.Repeat(" ", 5000), "", NotMCP},
		"too many blanks":      {strings.Repeat(" ", 5000) + anAnswer, "", NotMCP},
		"HTML":                 {"<html>" + anAnswer, "", NotMCP},
		"prose":                {"The answer: " + anAnswer, "", NotMCP},
		"two":                  {anAnswer + anAnswer, "", NotMCP},
		"tail":                 {anAnswer + "x", "", NotMCP},
		"large, tail":          {large + "x", "", NotMCP},
		"large, two":           {large + anAnswer, "", NotMCP},
		"other id":             {strings.Replace(anAnswer, `"id":1`, `"id":2`, 1), "", NotMCP},
		"id as text":           {strings.Replace(anAnswer, `"id":1`, `"id":"1"`, 1), "", NotMCP},
		"large, other id":      {strings.Replace(large, `"id":1`, `"id":2`, 1), "", NotMCP},
		"batch":                {"[" + anAnswer + "]", "", NotMCP},
		"no version":           {strings.Replace(anAnswer, `"jsonrpc":"2.0",`, "", 1), "", NotMCP},
		"another version":      {strings.Replace(anAnswer, "2.0", "1.0", 1), "", NotMCP},
		"two ids":              {`{"jsonrpc":"2.0","id":1,"id":1,"result":{}}`, "", NotMCP},
		"a request":            {`{"jsonrpc":"2.0","id":1,"method":"sampling/createMessage"}`, "", NotMCP},
		"cut":                  {anAnswer[:20], "", NotMCP},
		"large, cut":           {large[:500<<10], "", NotMCP},
		"huge":                 {`{"x":"` + strings.Repeat("y", 2<<20), "", TooLarge},
		"event of another":     {"data: " + strings.Replace(anAnswer, `"id":1`, `"id":2`, 1) + "\n\n", "", NotMCP},
		"event, no version":    {"data: {\"id\":1,\"result\":{}}\n\n", "", NotMCP},
		"event, cut":           {"data: " + anAnswer[:20], "", NotMCP},
		"looks like an event":  {"data: the answer is 42\n", "", NotMCP},
		"word like a field":    {"ideas: " + anAnswer, "", NotMCP},
		"retry at once, twice": {"retry: 1\n\nid: 3\n\n", "", NotMCP},
	} {
		for how, around := range map[string]func(io.Reader) io.Reader{"whole": func(r io.Reader) io.Reader { return r }, "bytes": iotest.OneByteReader, "end": iotest.DataErrReader} {
			if how == "bytes" && len(c.body) > 10_000 {
				continue
			}
			for _, size := range []int64{-1, int64(len(c.body))} {
				got, err := sniffedCall(t, around(strings.NewReader(c.body)), size)
				switch {
				case c.taken != "" && (err != nil || len(got) != 1 || got[0] != c.taken):
					t.Errorf("%s, %s: %.80q %v", name, how, got, err)
				case c.taken == "" && (len(got) > 0 || reasonOf(err) != c.reason):
					t.Errorf("%s, %s: %.80q %v", name, how, got, err)
				}
			}
		}
	}
	broken := io.MultiReader(strings.NewReader(anAnswer[:20]), iotest.ErrReader(io.ErrUnexpectedEOF))
	if got, err := sniffedCall(t, broken, -1); len(got) > 0 || reasonOf(err) != Interrupted {
		t.Errorf("broken: %q %v", got, err)
	}
}

// A media type that says what the body is counts, whatever the body looks like.
func TestMediaTypeIsNotSecondGuessed(t *testing.T) {
	for _, typ := range []string{"text/html", "Text/HTML; charset=utf-8", "text/html, application/json", "application/xhtml+xml", "text/csv", "image/png", "multipart/mixed"} {
		u := withTransport(t, Config{}, func(r *http.Request) (*http.Response, error) {
			_ = r.Body.Close()
			return httpResponse(200, http.Header{"Content-Type": {typ}}, bodyOf(anAnswer)), nil
		})
		if _, err := call(t, u, rawCall("tools/call")); reasonOf(err) != NotMCP {
			t.Errorf("%s: %v", typ, err)
		}
	}
}

// The media type of the server's own stream, and of a stream that is resumed, must be right.
func TestStreamsAreNotSniffed(t *testing.T) {
	for _, typ := range []string{"", "text/plain", "application/octet-stream"} {
		u := overHTTP(t, StreamableHTTP, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Content-Type"] = nil
			switch r.Method {
			case http.MethodGet:
				w.Header().Set("Content-Type", typ)
				_, _ = io.WriteString(w, "data: "+anAnswer+"\n\n")
			case http.MethodPost:
				w.Header().Set("Content-Type", typeSSE)
				_, _ = io.WriteString(w, "id: 1\nretry: 1\ndata:\n\n")
			}
		}))
		if _, err := call(t, u, rawCall("tools/call")); reasonOf(err) != Interrupted {
			t.Errorf("%q: %v", typ, err)
		}
	}
}

// Of whatever a server sends without a type, at most one message passes: the whole
// answer to the request.
func FuzzSniff(f *testing.F) {
	for _, s := range []string{anAnswer, " " + anAnswer + "\n", "data: " + anAnswer + "\n\n", anAnswer + anAnswer, "<html>" + anAnswer, "[" + anAnswer + "]", ": x\rdata: " + anAnswer, `{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":""}}`} {
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, body string, bytewise bool) {
		var r io.Reader = strings.NewReader(body)
		if bytewise {
			r = iotest.OneByteReader(r)
		}
		got, err := sniffedCall(t, r, -1)
		if len(got) > 1 || (err == nil) != (len(got) == 1) {
			t.Fatalf("%q: %q %v", body, got, err)
		}
		for _, raw := range got {
			m, err := jsonrpc.Parse([]byte(raw))
			if err != nil || m.Kind != jsonrpc.Response || jsonrpc.Key(m.ID) != jsonrpc.Key([]byte("1")) || strings.HasPrefix(strings.TrimSpace(body), "<") || string(jsonrpc.Member(m.Raw, "jsonrpc")) != `"2.0"` {
				t.Fatalf("%q: %q", body, raw)
			}
		}
	})
}

// A media type is what stands first with a slash in it, however it is spelled, and
// the older names of JSON are JSON; nothing else becomes one of the two types of MCP.
func FuzzMediaType(f *testing.F) {
	for header, want := range map[string]string{
		"": "", ";": "", "charset=utf-8": "", "json": "", "Text/JSON": typeJSON, "application/json-rpc; x": typeJSON, "application/vnd.x+json": typeJSON,
		"charset=utf-8; application/json": typeJSON, `"application/json"`: typeJSON, "application/json:charset=utf-8": typeJSON, "TEXT/event-Stream,x": typeSSE,
		"text/html; application/json": "text/html", "application/jsonx": "application/jsonx", "text/plain+jsonp": "text/plain+jsonp",
	} {
		if got := mediaType(&http.Response{Header: http.Header{"Content-Type": {header}}}); got != want {
			f.Errorf("%q is %q, want %q", header, got, want)
		}
		f.Add(header)
	}
	f.Fuzz(func(t *testing.T, header string) {
		got := mediaType(&http.Response{Header: http.Header{"Content-Type": {header}}})
		if strings.ContainsAny(got, ";, \t\"") || got != "" && !strings.Contains(got, "/") {
			t.Errorf("%q is %q", header, got)
		}
		if low := strings.ToLower(header); got == typeJSON && !strings.Contains(low, "json") || got == typeSSE && !strings.Contains(low, typeSSE) {
			t.Errorf("%q is %q", header, got)
		}
	})
}
