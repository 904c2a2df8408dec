package devidp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"mcp-login/internal/origin"
)

// Server is a Provider that listens.
type Server struct {
	*Provider
	http   *http.Server
	cancel context.CancelFunc // ends requests under way
	done   chan struct{}
}

// Start binds addr, which must be on loopback (port 0 takes any), and serves a
// provider there until Close or the end of ctx. Its issuer is
// http://ADDRESS/oidc. It warns in the log that it lets anybody in.
func Start(ctx context.Context, addr string, cfg Config) (*Server, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	if !origin.Loopback(host) {
		return nil, fmt.Errorf("devidp lets anybody in; it listens on loopback only, not on %q", host)
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	if !origin.LoopbackAddr(ln.Addr()) { // a name may stand for any address
		_ = ln.Close()
		return nil, fmt.Errorf("devidp lets anybody in; it listens on loopback only, not on %s", ln.Addr())
	}
	p, err := New("http://"+ln.Addr().String()+"/oidc", cfg)
	if err != nil {
		_ = ln.Close()
		return nil, err
	}
	requests, cancel := context.WithCancel(ctx)
	s := &Server{
		Provider: p, cancel: cancel, done: make(chan struct{}),
		http: &http.Server{
			Handler: p, BaseContext: func(net.Listener) context.Context { return requests }, MaxHeaderBytes: 64 << 10,
			ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 2 * time.Minute, IdleTimeout: 30 * time.Second,
		},
	}
	p.cfg.Log.Warn("development provider: anybody may sign in as anybody; never use it in production", "issuer", p.Issuer())
	stop := context.AfterFunc(ctx, func() { _ = s.http.Close() })
	go func() {
		defer close(s.done)
		defer stop()
		_ = s.http.Serve(ln) // ends with Close
	}()
	return s, nil
}

// Close stops listening, ends what requests under way wait for, gives them a
// second to answer, and waits. It may be called again.
func (s *Server) Close() error {
	s.cancel()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	<-s.done
	return err
}
