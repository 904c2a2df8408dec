package upstream

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"mcp-login/internal/hint"
	"mcp-login/internal/jsonrpc"
	"mcp-login/internal/retry"
)

// Bounds of the search for a server at other addresses of its origin.
const (
	searchTimeout = 5 * time.Second
	placeTimeout  = 2 * time.Second
	// certainTimeout is how long others are waited for once a place is certain.
	certainTimeout = 300 * time.Millisecond
	maxAtOnce      = 4
)

// orElsewhere adds to err where the server is instead, if err says that it is not here and
// it has never been. All who need to know wait for one search, which lasts as long as u.
func (u *Upstream) orElsewhere(ctx context.Context, err error) error {
	var e *Error
	if u.cfg.Elsewhere == nil || u.worked.Load() || !errors.As(err, &e) || !e.notHere() {
		return err
	}
	u.mu.Lock()
	if u.search == nil && !u.closed {
		search := retry.NewCall[string]()
		u.search = search
		u.work.Go(func() { search.End(u.cfg.Elsewhere(u.ctx), nil) })
	}
	search := u.search
	u.mu.Unlock()
	if search == nil || search.Wait(ctx) != nil {
		return err
	}
	next, _ := search.Result()
	return hint.With(err, next)
}

// notHere reports whether a failure says that no MCP server has this address.
func (e *Error) notHere() bool {
	return e.Reason == NotMCP || e.Reason == Redirected || e.Reason == Refused && (e.Status == http.StatusBadRequest || notFoundHere(e.Status))
}

// otherPlaces are the usual addresses of an MCP server on the origin of endpoint, but not
// endpoint, the likeliest first. Queries are left out: keys stand in them.
func otherPlaces(endpoint *url.URL) (places []*url.URL) {
	at := endpoint.EscapedPath()
	path := strings.TrimRight(at, "/")
	parent := path[:max(strings.LastIndexByte(path, '/'), 0)]
	list := []string{
		path, path + "/", parent + "/mcp", parent + "/sse", path + "/mcp", path + "/sse",
		"/mcp", "/sse", "/mcp/", "/mcp/sse", "/api/mcp", "/v1/mcp", parent, "/",
	}
	for i, one := range list {
		if given := one == at || one == "/" && at == ""; one != "" && !given && slices.Index(list, one) == i {
			if plain, err := url.PathUnescape(one); err == nil {
				places = append(places, &url.URL{Scheme: endpoint.Scheme, Host: endpoint.Host, Path: plain, RawPath: one})
			}
		}
	}
	return places
}

// FindServer asks the other usual places on the origin of endpoint for an MCP server, and
// returns the likeliest that answers like one; nil for none. They get initialize and the
// header, in which no secret may stand. transport sends requests as they are.
func FindServer(ctx context.Context, transport http.RoundTripper, endpoint *url.URL, header http.Header, initialize jsonrpc.Message) *url.URL {
	ctx, cancel := context.WithTimeout(ctx, searchTimeout)
	defer cancel()
	places := otherPlaces(endpoint)
	found := make([]likelihood, len(places))
	slots := semaphore.NewWeighted(maxAtOnce)
	var work sync.WaitGroup
	for i, place := range places {
		if slots.Acquire(ctx, 1) != nil {
			break
		}
		work.Go(func() {
			defer slots.Release(1)
			if found[i] = askPlace(ctx, transport, place, header, initialize); found[i] == certain {
				time.AfterFunc(certainTimeout, cancel)
			}
		})
	}
	work.Wait()
	if best := slices.Max(found); best > unlikely {
		return places[slices.Index(found, best)]
	}
	return nil
}

// likelihood is how much an answer looks like that of an MCP server.
type likelihood int32

const (
	unlikely   likelihood = iota
	wantsToken            // a bearer token, as other services do, too
	certain
)

// askPlace sends initialize to one place. By HTTP+SSE, which costs a further request, it is
// tried where the address says so.
func askPlace(ctx context.Context, transport http.RoundTripper, place *url.URL, header http.Header, initialize jsonrpc.Message) likelihood {
	ctx, cancel := context.WithTimeout(ctx, placeTimeout)
	defer cancel()
	seen := &challenges{RoundTripper: transport}
	cfg := Config{Endpoint: place, HTTP: &http.Client{Transport: seen}, Header: header, Transport: StreamableHTTP, MaxMessage: maxErrorBody}
	if strings.HasSuffix(place.Path, "/sse") {
		cfg.Transport = Auto
	}
	u, err := New(cfg)
	if err != nil {
		return unlikely
	}
	defer func() { _ = u.Close(ctx) }()
	answer, err := jsonrpc.Ask(ctx, u.Send, initialize, nil)
	switch {
	case err != nil:
		return likelihood(seen.last.Load())
	case jsonrpc.Member(answer.Result, "protocolVersion") != nil:
		return certain
	case isErrorObject(answer.Error) && string(jsonrpc.Member(answer.Error, "code")) != strconv.Itoa(jsonrpc.CodeMethodNotFound): // that is a server of something else
		return certain
	}
	return unlikely
}

// challenges remembers what the last refusal says about the server.
type challenges struct {
	http.RoundTripper
	last atomic.Int32
}

// RoundTrip implements http.RoundTripper.
func (c *challenges) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := c.RoundTripper.RoundTrip(req)
	if err == nil && resp.StatusCode == http.StatusUnauthorized {
		switch challenge := strings.ToLower(strings.Join(resp.Header.Values("WWW-Authenticate"), ",")); {
		case strings.Contains(challenge, "resource_metadata"):
			c.last.Store(int32(certain))
		case strings.Contains(challenge, "bearer"), strings.Contains(challenge, "dpop"):
			c.last.Store(int32(wantsToken))
		}
	}
	return resp, err
}
