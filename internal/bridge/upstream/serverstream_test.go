package upstream

import (
	"context"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mcp-login/internal/jsonrpc"
)

// A server that wants to be asked again after a millisecond, and ends every stream
// at once, is asked a few times a minute while it says nothing, and twice a second
// while it says something: on its own stream, on that of a request, and over
// HTTP+SSE however often the client calls.
func TestReconnectionsAreBounded(t *testing.T) {
	const request, notification = `{"jsonrpc":"2.0","id":1,"method":"tools/call"}`, `{"jsonrpc":"2.0","method":"notifications/initialized"}`
	for name, tc := range map[string]struct {
		transport      Transport
		message        string
		events, opened string // of every stream, in front of those of the first or of all
		most           int    // streams in ten minutes
	}{
		"own, nothing":         {StreamableHTTP, notification, "", "", 60},
		"own, retry alone":     {StreamableHTTP, notification, "retry: 1\n\n", "", 150},
		"own, retry of 0":      {StreamableHTTP, notification, "retry: 0\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}\n\n", "", 630},
		"own, ids alone":       {StreamableHTTP, notification, "id: x\nretry: 1\ndata:\n\n", "", 150},
		"own, garbage":         {StreamableHTTP, notification, "retry: 1\ndata: x\n\n", "", 150},
		"own, messages":        {StreamableHTTP, notification, "retry: 1\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}\n\n", "", 1250},
		"request, nothing":     {StreamableHTTP, request, "", "id: x\nretry: 1\ndata:\n\n", 200},
		"request, retry alone": {StreamableHTTP, request, "id: x\nretry: 1\ndata:\n\n", "", 150},
		"request, messages":    {StreamableHTTP, request, "id: x\nretry: 1\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}\n\n", "", 1250},
		"HTTP+SSE":             {SSE, request, "retry: 1\n\n", "event: endpoint\ndata: /post\n\n", 60},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var streams atomic.Int64
				u := withTransport(t, Config{Transport: tc.transport}, func(r *http.Request) (*http.Response, error) {
					if r.Method == http.MethodPost && (tc.transport == SSE || tc.message == notification) {
						return httpResponse(http.StatusAccepted, nil, bodyOf("")), nil
					}
					streams.Add(1)
					return httpResponse(http.StatusOK, http.Header{"Content-Type": {typeSSE}}, bodyOf(tc.opened+tc.events)), nil
				})
				m := jsonrpc.Built([]byte(tc.message))
				ctx, stop := context.WithTimeout(t.Context(), 10*time.Minute)
				defer stop()
				for ctx.Err() == nil {
					if err := u.Send(ctx, m, jsonrpc.Discard); tc.message == notification && err == nil {
						<-ctx.Done() // the stream goes on beside
					}
					time.Sleep(100 * time.Millisecond) // of a client that calls again
				}
				if n := streams.Load(); n > int64(tc.most) || n < 3 {
					t.Errorf("%d streams in ten minutes", n)
				}
			})
		})
	}
}

// However often a stream is asked for in a session, nothing of what bounds the wait for
// its header stays.
func TestHeaderTimeoutLeavesNoContextBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var contexts []context.Context
		u := withTransport(t, Config{HeaderTimeout: time.Minute}, func(r *http.Request) (*http.Response, error) {
			mu.Lock()
			defer mu.Unlock()
			contexts = append(contexts, r.Context())
			switch {
			case r.Method == http.MethodPost:
				return httpResponse(http.StatusAccepted, nil, bodyOf("")), nil
			case len(contexts)%2 == 0:
				return nil, io.ErrUnexpectedEOF
			}
			return httpResponse(http.StatusOK, http.Header{"Content-Type": {typeSSE}}, bodyOf("")), nil
		})
		if err := u.Send(t.Context(), jsonrpc.NewNotification("notifications/initialized", nil), jsonrpc.Discard); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		left := slices.DeleteFunc(slices.Clone(contexts), func(ctx context.Context) bool { return ctx.Err() != nil })
		if len(contexts) < 10 || len(left) > 0 {
			t.Errorf("%d of %d are left", len(left), len(contexts))
		}
	})
}
