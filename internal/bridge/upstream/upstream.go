package upstream

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"mcp-login/internal/jsonrpc"
	"mcp-login/internal/retry"
)

// Transport names one of the two transports, or leaves the choice open.
type Transport uint8

// The transports.
const (
	// Auto uses Streamable HTTP, and HTTP+SSE where the server knows only that.
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
	// HTTP sends requests, with the access token; see the package comment. New
	// copies it, and gives the copy CheckRedirect and a cookie jar in memory where
	// it has none: load balancers keep a session on one machine by a cookie.
	HTTP *http.Client
	// SignIn signs in after a 401 without a challenge, which HTTP has returned
	// because it might mean a lost session; nil where there is no sign-in.
	SignIn func(ctx context.Context, refused *http.Response) error
	// Header goes onto every request to the server.
	Header http.Header
	// Given names the credential that the person gave, "" for none: a refusal that blames one
	// names it. SignsIn says that an Authorization header is that of a login instead.
	Given   string
	SignsIn bool
	// Transport is the transport to use.
	Transport Transport
	// MaxMessage bounds one message from the server, in bytes; 0 is no limit.
	MaxMessage int64
	// HeaderTimeout bounds the wait for the first byte of an answer after a request
	// was written, and IdleTimeout the wait for each further byte. 0 is no limit:
	// tools may take hours. The time of a login does not count.
	HeaderTimeout, IdleTimeout time.Duration
	// StreamWithin is how soon the first 4 MiB of a large answer must be there for
	// the rest to be passed on while it comes; 0 means DefaultStreamWithin.
	StreamWithin time.Duration
	// Patience is for how long connecting to the server is tried again; 0 is not at
	// all.
	Patience time.Duration
	// Elsewhere looks for the server at another address, once, after the first answer that
	// is no MCP server's, and returns what to do; "" where it finds none. It has a limit of
	// time; nil looks nowhere.
	Elsewhere func(ctx context.Context) (next string)
	// Log gets the steps at debug level; nil discards them.
	Log *slog.Logger
}

// conn is a connection by one of the two transports.
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

	choosing *semaphore.Weighted // a mutex: held while the first message finds the transport

	mu      sync.Mutex
	work    sync.WaitGroup
	closed  bool
	conn    conn // nil until the transport is known
	unasked jsonrpc.Sink

	worked atomic.Bool // the server has taken a message
	search *retry.Call[string]
}

// New returns an Upstream. Nothing is sent yet.
func New(cfg Config) (*Upstream, error) {
	if cfg.Endpoint == nil || cfg.HTTP == nil {
		return nil, errors.New("upstream needs an endpoint and an HTTP client")
	}
	if cfg.HTTP.Timeout != 0 {
		return nil, errors.New("an HTTP client with a timeout would cut logins and long answers")
	}
	cfg.Endpoint = withoutEmptyPort(cfg.Endpoint)
	cfg.StreamWithin = cmp.Or(cfg.StreamWithin, DefaultStreamWithin)
	log := cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	u := &Upstream{cfg: cfg, log: log, http: restricted(*cfg.HTTP), tools: newToolList(log), backlog: newBacklog(), choosing: semaphore.NewWeighted(1), unasked: jsonrpc.Discard}
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

// spawn runs f in a goroutine that Close waits for. After Close it runs nothing and returns
// false.
func (u *Upstream) spawn(f func()) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed {
		return false
	}
	u.work.Go(f)
	return true
}

// Unasked sets the sink for messages that belong to no request: those on the server's own
// stream. It is called before the first Send.
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

// Send carries one message to the server; the caller splits batches. For a request it
// returns when the answer, and before it everything that belongs to the request, has gone
// to the sink; for other messages when the server has accepted the message. Its errors are
// an *Error, the errors of Config.HTTP's sign-in, and the cause of the end of ctx.
func (u *Upstream) Send(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	err := u.send(ctx, m, sink)
	if err == nil {
		u.worked.Store(true)
		return nil
	}
	return u.orElsewhere(ctx, err)
}

func (u *Upstream) send(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	if c := u.chosenConn(); c != nil {
		return c.send(ctx, m, sink)
	}
	if u.choosing.Acquire(ctx, 1) != nil {
		return context.Cause(ctx)
	}
	unlock := sync.OnceFunc(func() { u.choosing.Release(1) })
	defer unlock()
	if c := u.chosenConn(); c != nil {
		unlock()
		return c.send(ctx, m, sink)
	}
	return u.sendFirst(ctx, m, sink, unlock)
}

// chosenConn returns nil while the transport is not known.
func (u *Upstream) chosenConn() conn {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.conn
}

func (u *Upstream) setConn(c conn) {
	u.mu.Lock()
	u.conn = c
	u.mu.Unlock()
}

// sendFirst sends the first message, and thereby finds the transport (MCP 2025-11-25,
// Transports, "Backwards Compatibility"). A server without Streamable HTTP answers a POST
// with 400, 404 or 405, and a GET with an event stream that begins with its endpoint.
// Sign-ins, outages and other refusals say nothing about the transport. A JSON-RPC error
// with 400 or 404 says that messages are taken there. chosen is called as soon as the
// transport is known.
func (u *Upstream) sendFirst(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink, chosen func()) error {
	s := newStreamableConn(u)
	s.probing = true
	s.onAccepted = sync.OnceFunc(func() {
		s.probing = false
		u.setConn(s)
		chosen()
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
	chosen()
	return old.send(ctx, m, sink)
}

// Close ends the session at the server, if there is one, and everything that is under way.
// ctx bounds the farewell, and the wait for sinks that still take a message.
func (u *Upstream) Close(ctx context.Context) error {
	var err error
	if c := u.chosenConn(); c != nil {
		err = c.close(ctx)
	}
	u.stop()
	u.mu.Lock()
	u.closed = true
	u.mu.Unlock()
	return errors.Join(err, retry.Await(ctx, u.work.Wait))
}
