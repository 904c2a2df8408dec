package devidp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Server is a Provider that listens.
type Server struct {
	*Provider
	url  string
	http *http.Server
	done chan struct{}
}

// Start binds addr, which must be on loopback (port 0 takes any), and serves a
// provider there until Close or the end of ctx. Its issuer is
// http://ADDRESS/oidc.
func Start(ctx context.Context, addr string, cfg Config) (*Server, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	if !loopbackHost(host) {
		return nil, fmt.Errorf("devidp lets anybody in; it listens on loopback only, not on %q", host)
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	url := "http://" + ln.Addr().String()
	p, err := New(url+"/oidc", cfg)
	if err != nil {
		_ = ln.Close()
		return nil, err
	}
	s := &Server{
		Provider: p, url: url, done: make(chan struct{}),
		http: &http.Server{Handler: p, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, IdleTimeout: 30 * time.Second, MaxHeaderBytes: 64 << 10},
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

// URL returns the root of the provider's host.
func (s *Server) URL() string { return s.url }

// Close stops listening, gives requests under way a second, and waits.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	<-s.done
	return err
}
