package account

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"mcp-login/internal/jsonrpc"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/grant"
	"mcp-login/internal/store"
	"mcp-login/internal/terminal"
)

// opened is an account of the server at address, with a store in memory.
func opened(t *testing.T, address string, purpose Purpose) *Account {
	t.Helper()
	return openedWith(t, address, purpose, Connection{})
}

func openedWith(t *testing.T, address string, purpose Purpose, c Connection) *Account {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	st, err := store.Open(store.Options{Kind: store.KindMemory})
	if err != nil {
		t.Fatal(err)
	}
	a, err := Open(Config{
		Choice: Choice{Server: u, Key: Settings{}.Key(u)}, Purpose: purpose, Store: st, Log: slog.New(slog.DiscardHandler), Version: "1.2.3",
		Terminal: terminal.New(terminal.Config{Out: io.Discard, Err: io.Discard}), Browser: Browser{Command: NoBrowser}, Connection: c,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

// newServer begins a session with everybody, and notifies within the answer and beside it.
// initialized gets what the clients say of themselves.
func newServer(t *testing.T, initialized func(clientInfo []byte)) *httptest.Server {
	const event = "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/%s\"}\n\n"
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		m, err := jsonrpc.Parse(body)
		w.Header().Set("Content-Type", "text/event-stream")
		switch {
		case r.Method == http.MethodGet:
			fmt.Fprintf(w, event, "beside")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		case err != nil || m.Kind != jsonrpc.Request:
			w.WriteHeader(http.StatusAccepted)
		case m.Method == "initialize":
			initialized(m.ClientInfo())
			w.Header().Set("Mcp-Session-Id", "s")
			fmt.Fprintf(w, event, "within")
			fmt.Fprintf(w, "data: %s\n\n", jsonrpc.Result(m.ID, `{"protocolVersion":"`+jsonrpc.LatestSession+`","capabilities":{},"serverInfo":{"name":"t","version":"1"}}`))
		default:
			fmt.Fprintf(w, "data: %s\n\n", jsonrpc.ErrorResponse(m.ID, jsonrpc.CodeMethodNotFound, "no", nil))
		}
	}))
	t.Cleanup(srv.Close)
	t.Cleanup(srv.CloseClientConnections)
	return srv
}

// A server may notify as soon as it is spoken to, beside all requests: nothing of that is
// lost, and nothing is written meanwhile (which the race detector shows).
func TestNotificationsAreHeardFromTheBeginning(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	heard := make(chan string, 10)
	s, err := opened(t, newServer(t, func([]byte) {}).URL, ForCall).Start(ctx, func(m jsonrpc.Message) { heard <- m.Method })
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for missing := map[string]bool{"notifications/within": true, "notifications/beside": true}; len(missing) > 0; {
		select {
		case method := <-heard:
			delete(missing, method)
		case <-ctx.Done():
			t.Fatalf("never heard: %v", missing)
		}
	}
}

// A server that looks at who asks hears the same of a session and of a check.
func TestASessionAndAProbeNameTheSameClient(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	infos := make(chan string, 2)
	a := opened(t, newServer(t, func(info []byte) { infos <- string(info) }).URL, ForCall)
	s, err := a.Start(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if err := a.Probe(ctx); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got := <-infos; got != `{"name":"mcp-login","version":"1.2.3"}` {
			t.Error(got)
		}
	}
}

// A sign-in that led to nothing is forgotten only while that is still so: a sign-in that has
// begun since the list was made goes on, and one that has ended well is kept.
func TestOnlyAFailedSignInIsHeld(t *testing.T) {
	a := opened(t, "http://127.0.0.1:9/mcp", ForInspect)
	release, still := a.HoldFailed(t.Context())
	if !still {
		t.Fatal("nobody signs in, and it is not held")
	}
	if _, again := a.HoldFailed(t.Context()); again {
		t.Error("held while somebody signs in")
	}
	release()
	if err := a.Store.Save(t.Context(), a.Key, oauth.Credential{Server: a.Key.Server, Issuer: "https://idp.example", AccessToken: grant.NewSecret("t"), TokenType: "Bearer"}); err != nil {
		t.Fatal(err)
	}
	if _, still := a.HoldFailed(t.Context()); still {
		t.Error("a login is taken for a sign-in that led to nothing")
	}
}
