package upstream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"sync"
	"time"

	"mcp-login/internal/jsonrpc"
	"mcp-login/internal/origin"
)

// Transport is a wish for one of the two transports.
type Transport uint8

// The transports.
const (
	// Auto takes Streamable HTTP, and HTTP+SSE where the server knows only
	// that.
	Auto Transport = iota
	// StreamableHTTP is the transport of 2025-03-26 and later.
	StreamableHTTP
	// SSE is the HTTP+SSE transport of 2024-11-05.
	SSE
)

// Config says how to reach a server. Endpoint and HTTP are required.
type Config struct {
	// Endpoint is the address of the MCP server.
	Endpoint *url.URL
	// HTTP signs and sends requests; see the package comment. New copies it,
	// and gives the copy CheckRedirect and a cookie jar in memory (for load
	// balancers that keep a session on one machine) where it has none.
	HTTP *http.Client
	// SignIn signs in after a 401 without a challenge that HTTP has returned
	// because it might mean a lost session; nil where nobody can.
	SignIn func(ctx context.Context, refused *http.Response) error
	// Header goes onto every request to the server.
	Header http.Header
	// Transport limits the choice.
	Transport Transport
	// MaxMessage bounds one message from the server in bytes; 0 is no limit.
	MaxMessage int64
	// HeaderTimeout bounds the wait for the beginning of an answer once a
	// request was sent, and IdleTimeout that for the next byte of one. 0 is no
	// limit: tools may take hours. A login is not counted.
	HeaderTimeout, IdleTimeout time.Duration
	// StreamWithin is how soon the first 4 MiB of a large answer must be there
	// for the rest to be passed on while it is coming; 0 means
	// DefaultStreamWithin.
	StreamWithin time.Duration
	// Patience is how long a server that takes no connections is waited for;
	// 0 is not at all.
	Patience time.Duration
	// Log gets the steps at debug level; nil discards them.
	Log *slog.Logger
}

// wire is a transport once it is chosen.
type conn interface {
	// send posts m. For a request it returns after the sink has the answer.
	send(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error
	// close ends the session.
	close(ctx context.Context) error
}

// Upstream is a connection to one MCP server. It is safe for concurrent use.
type Upstream struct {
	cfg Config
	log *slog.Logger

	http      *http.Client
	tools     *toolList
	backlog   backlog
	keepAlive keepAlive
	ctx       context.Context // ends with Close; the server's own stream lives in it
	stop      context.CancelFunc

	choosing turn // while the first message finds the transport

	mu      sync.Mutex
	work    sync.WaitGroup
	closed  bool
	conn    conn
	unasked jsonrpc.Sink
}

// turn is a mutex whose wait ends with a context.
type turn chan struct{}

func newTurn() turn { return make(turn, 1) }

func (t turn) take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (t turn) give() { <-t }

// New returns an Upstream. Nothing is sent yet.
func New(cfg Config) (*Upstream, error) {
	if cfg.Endpoint == nil || cfg.HTTP == nil {
		return nil, errors.New("upstream needs an endpoint and an HTTP client")
	}
	if cfg.HTTP.Timeout != 0 {
		return nil, errors.New("an HTTP client with a timeout would cut logins and long answers")
	}
	cfg.StreamWithin = cmp.Or(cfg.StreamWithin, DefaultStreamWithin)
	log := cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	u := &Upstream{cfg: cfg, log: log, http: restricted(*cfg.HTTP), tools: newToolList(log), backlog: newBacklog(), choosing: newTurn(), unasked: jsonrpc.Discard}
	u.ctx, u.stop = context.WithCancel(context.Background())
	switch cfg.Transport {
	case StreamableHTTP:
		u.conn = newStreamableConn(u)
	case SSE:
		u.conn = newSSEConn(u)
	case Auto:
	}
	return u, nil
}

// guarded makes sure that no redirect leads to a stranger, whatever the client
// was set up for.
func restricted(client http.Client) *http.Client {
	if client.CheckRedirect == nil {
		client.CheckRedirect = CheckRedirect
	}
	if client.Jar == nil {
		client.Jar, _ = cookiejar.New(nil) // without options it cannot fail
	}
	client.Transport = validLocation{cmp.Or(client.Transport, http.DefaultTransport)}
	return &client
}

// placing takes away a Location that is no address: net/http would make of the
// answer an error that cannot be told from a broken line.
type validLocation struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (p validLocation) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := p.next.RoundTrip(req)
	if err == nil && resp.StatusCode/100 == 3 {
		if _, bad := url.Parse(resp.Header.Get("Location")); bad != nil {
			resp.Header.Del("Location")
		}
	}
	return resp, err
}

// spawn runs f in a goroutine that Close waits for. After Close it runs nothing
// and returns false.
func (u *Upstream) spawn(f func()) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed {
		return false
	}
	u.work.Go(f)
	return true
}

// Unasked says where messages go that belong to no request: those on the
// server's own stream. It is called before the first Send.
func (u *Upstream) Unasked(sink jsonrpc.Sink) {
	u.mu.Lock()
	u.unasked = sink
	u.mu.Unlock()
}

func (u *Upstream) unaskedSink() jsonrpc.Sink {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.unasked
}

// Send carries one message to the server; batches are the caller's to split.
// For a request it returns when the answer, and before it everything that
// belongs to the request, has gone to the sink; otherwise when the server has
// taken the message. An *Error says why that did not happen; errors of the signing
// transport come as they are, and so does the cause of ctx.
func (u *Upstream) Send(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	if w := u.current(); w != nil {
		return w.send(ctx, m, sink)
	}
	if err := u.choosing.take(ctx); err != nil {
		return err
	}
	unlock := sync.OnceFunc(u.choosing.give)
	defer unlock()
	if w := u.current(); w != nil {
		unlock()
		return w.send(ctx, m, sink)
	}
	return u.detect(ctx, m, sink, unlock)
}

func (u *Upstream) current() conn {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.conn
}

func (u *Upstream) setConn(w conn) {
	u.mu.Lock()
	u.conn = w
	u.mu.Unlock()
}

// first sends the first message and thereby finds the transport (L8, E4): what
// a server without Streamable HTTP answers to a POST is 400, 404 or 405; then a
// GET must bring an event stream that begins with its endpoint. Logins, outages
// and refusals say nothing about the transport, and neither does a JSON-RPC
// error with 400 or 404: who answers a POST in JSON-RPC takes messages there.
// settled is called as soon as the transport is known.
func (u *Upstream) detect(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink, settled func()) error {
	s := newStreamableConn(u)
	s.probing = true
	s.onAccepted = sync.OnceFunc(func() {
		s.probing = false
		u.setConn(s)
		settled()
	})
	err := s.send(ctx, m, sink)
	var refused *Error
	switch {
	case err == nil:
		s.onAccepted()
		return nil
	case !errors.As(err, &refused) || refused.Reason != Refused:
		return err
	}
	switch refused.Status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed:
	default:
		return err
	}
	old := newSSEConn(u)
	if connectErr := old.connect(ctx); connectErr != nil {
		u.log.Debug("no HTTP+SSE either", "error", connectErr)
		return err
	}
	u.log.Debug("the server speaks HTTP+SSE of 2024-11-05")
	u.setConn(old)
	settled()
	return old.send(ctx, m, sink)
}

// Call sends a request and returns its answer, for callers without a stream.
// Other messages go to notify, which may be nil.
func (u *Upstream) Call(ctx context.Context, request []byte, notify func(m jsonrpc.Message)) (answer jsonrpc.Message, err error) {
	m, err := jsonrpc.Parse(request)
	if err != nil || m.Kind != jsonrpc.Request {
		return jsonrpc.Message{}, fmt.Errorf("send a request: %w", cmp.Or(err, jsonrpc.ErrInvalid))
	}
	return jsonrpc.Ask(ctx, u.Send, m, notify)
}

// Close ends the session at the server, if there is one, and everything that
// is under way. ctx bounds the farewell, and the wait for whoever still
// delivers a message.
func (u *Upstream) Close(ctx context.Context) error {
	var err error
	if w := u.current(); w != nil {
		err = w.close(ctx)
	}
	u.stop()
	u.mu.Lock()
	u.closed = true
	u.mu.Unlock()
	done := make(chan struct{})
	go func() { u.work.Wait(); close(done) }()
	select {
	case <-done:
		return err
	case <-ctx.Done():
		return errors.Join(err, context.Cause(ctx))
	}
}

// CheckRedirect belongs into the http.Client of a Config: a redirect is
// followed only when it stays on the origin and keeps the method and body, at
// most three times, and carries no user name: net/http would make of that an
// Authorization header, in the place of the token. Anything else would carry headers, session and message to
// a stranger; Go strips only a few of them.
func CheckRedirect(req *http.Request, via []*http.Request) error {
	first := via[0]
	if len(via) > 3 || req.Method != first.Method || !origin.SameOrigin(req.URL, first.URL) || req.URL.User != nil {
		return http.ErrUseLastResponse
	}
	return nil
}
