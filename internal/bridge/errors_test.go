package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"mcp-login/internal/bridge/upstream"
	"mcp-login/internal/jsonrpc"
	"mcp-login/test/real"
)

// What a server says wrongly or not at all becomes one clear error.
func TestEachBadHTTPAnswerIsOneClearError(t *testing.T) {
	status := func(code int, kind, body string) func(http.ResponseWriter, *http.Request, json.RawMessage) {
		return func(w http.ResponseWriter, _ *http.Request, _ json.RawMessage) {
			w.Header().Set("Content-Type", kind)
			if code == 429 {
				w.Header().Set("Retry-After", "7")
			}
			w.WriteHeader(code)
			_, _ = io.WriteString(w, body)
		}
	}
	s := &server{on: handlers{
		"html":  status(200, "text/html", "<html>welcome</html>"),
		"202":   status(202, "", ""),
		"500":   status(500, "text/plain", "boom\x1b[31m"),
		"429":   status(429, "text/plain", "slow down"),
		"own":   status(400, "application/json", `{"jsonrpc":"2.0","id":null,"error":{"code":-32602,"message":"bad","data":1.0}}`),
		"oauth": status(403, "application/json", `{"error":"insufficient_scope","error_description":"needs more"}`),
		"other": status(200, "application/json", `{"id":999,"result":1}`),
		"junk":  status(200, "application/json", `nonsense`),
	}}
	r := newRig(t, s)
	for method, want := range map[string][]string{
		"html":  {`"code":1004`, "does not look like an MCP server"},
		"202":   {`"code":1004`},
		"500":   {`"code":1003`, `"httpStatus":500`, "boom"},
		"429":   {`"code":1003`, `"retryAfterSeconds":7`, "try again in 7s"},
		"own":   {`{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"bad","data":1.0}}`},
		"oauth": {`"code":1003`, `"httpStatus":403`, "insufficient_scope"},
		"other": {`"code":1005`},
		"junk":  {`"code":1004`},
	} {
		r.send(`{"id":1,"method":"` + method + `"}`)
		got := r.line()
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("%s: %s", method, got)
			}
		}
		if strings.Contains(got, "\x1b") || !strings.Contains(got, `"id":1`) {
			t.Errorf("%s: %s", method, got)
		}
	}
}

// loginError is what a signing transport says, with a hint.
type loginError struct{ error }

func (loginError) OAuthCode() string { return "" }
func (loginError) UserHint() string  { return "run: mcp-login login" }
func (e loginError) Unwrap() error   { return e.error }

// Each error that can end a call is of one class, by what has failed and not by when:
// 1005 is for what broke off, and nothing of a sign-in is.
func TestClassOfEachError(t *testing.T) {
	words := errors.New("the words of it")
	for name, want := range map[string]struct {
		err  error
		code int
		hint string
	}{
		"unreachable":                     {&upstream.Error{Reason: upstream.Unreachable, Err: words, Hint: "h"}, jsonrpc.CodeUnreachable, "h"},
		"an HTTP error":                   {&upstream.Error{Reason: upstream.Refused, Status: 403, Err: words, Hint: "h"}, jsonrpc.CodeRefused, "h"},
		"a redirect":                      {&upstream.Error{Reason: upstream.Redirected, Status: 302, Err: words, Hint: "h"}, jsonrpc.CodeRefused, "h"},
		"no MCP server":                   {&upstream.Error{Reason: upstream.NotMCP, Err: words, Hint: "h"}, jsonrpc.CodeNotMCP, "h"},
		"broken off":                      {&upstream.Error{Reason: upstream.Interrupted, Err: words, Hint: "h"}, jsonrpc.CodeInterrupted, "h"},
		"too large":                       {&upstream.Error{Reason: upstream.TooLarge, Err: words, Hint: "h"}, jsonrpc.CodeTooLarge, "h"},
		"a sign-in":                       {loginError{words}, jsonrpc.CodeSignIn, "run: mcp-login login"},
		"a sign-in for a new session":     {fmt.Errorf("open a new session: %w", loginError{words}), jsonrpc.CodeSignIn, "run: mcp-login login"},
		"a sign-in that met a dead line":  {loginError{fmt.Errorf("%w: %w", words, io.ErrUnexpectedEOF)}, jsonrpc.CodeSignIn, "run: mcp-login login"},
		"a sign-in in time":               {loginError{fmt.Errorf("%w: %w", words, context.DeadlineExceeded)}, jsonrpc.CodeSignIn, "run: mcp-login login"},
		"a sign-in that the end cut off":  {loginError{fmt.Errorf("sign in: %w", context.Canceled)}, jsonrpc.CodeClosing, ""},
		"the end of the bridge":           {errClosing, jsonrpc.CodeClosing, ""},
		"too much at once":                {errBusy, jsonrpc.CodeBusy, "wait for answers"},
		"an answer that is none":          {errNoAnswer, jsonrpc.CodeInterrupted, ""},
		"anything else, without a reason": {words, jsonrpc.CodeFailed, ""},
	} {
		var got struct {
			Error struct {
				Code    int
				Message string
				Data    struct{ Hint string }
			}
		}
		if err := json.Unmarshal(answerFor([]byte("1"), want.err), &got); err != nil {
			t.Fatal(err)
		}
		if got.Error.Code != want.code || !strings.Contains(got.Error.Data.Hint, want.hint) || want.hint == "" && got.Error.Data.Hint != "" {
			t.Errorf("%s: %+v", name, got.Error)
		}
		if strings.Contains(want.err.Error(), words.Error()) && strings.Count(got.Error.Message, words.Error()) != 1 {
			t.Errorf("%s: %s", name, got.Error.Message)
		}
	}
}

// A host that is not there is an error for the request alone.
func TestUnreachableServerIsAnErrorOfTheRequest(t *testing.T) {
	r := rigTo(t, "http://"+real.FreeAddress(t)+"/mcp?secret=hunter2")
	for i := range 2 {
		r.send(fmt.Sprintf(`{"id":%d,"method":"initialize"}`, i))
		if got := r.line(); !strings.Contains(got, `"code":1001`) || strings.Contains(got, "hunter2") {
			t.Error(got)
		}
	}
}

// A redirect on the same origin that keeps the method is followed, with the body.
func TestRedirectOnTheSameOriginIsFollowed(t *testing.T) {
	mux, s := http.NewServeMux(), &server{}
	mux.Handle("/new", s)
	mux.Handle("/mcp", http.RedirectHandler("/new", http.StatusTemporaryRedirect))
	r := newRig(t, mux)
	r.send(`{"id":1,"method":"x"}`)
	if got := r.line(); got != `{"jsonrpc":"2.0","id":1,"result":{}}` || s.bodies[0] != `{"id":1,"method":"x"}` {
		t.Error(got)
	}
}
