package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"time"

	"mcp-login/bearer"
	"mcp-login/internal/devidp"
	"mcp-login/internal/server"
	"mcp-login/test/real"
)

// stage is the provider and the server, on loopback.
type stage struct {
	provider *devidp.Server
	endpoint string
	stop     func() // ends the server
	release  func() // lets others have its port
}

// open starts both on free ports. The provider knows the server's address as a resource. The
// server is program, unless that is "".
func open(ctx context.Context, program string) (*stage, error) {
	// A program listens for itself, on a port that nobody else is given meanwhile.
	port, release, err := real.HoldPort()
	if err != nil {
		return nil, err
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		release()
		return nil, fmt.Errorf("listen: %w", err)
	}
	resource := &url.URL{Scheme: "http", Host: ln.Addr().String(), Path: "/mcp"}
	provider, err := devidp.Start(ctx, "127.0.0.1:0", devidp.Config{
		Registration: true, TokenClaims: true, Resources: []devidp.Resource{{Indicator: resource.String()}},
		Faults: devidp.Faults{DeviceInterval: 1}, // seconds; without it 5
	})
	if err != nil {
		release()
		return nil, errors.Join(fmt.Errorf("start the provider: %w", err), ln.Close())
	}
	s := &stage{provider: provider, endpoint: resource.String(), release: release}
	if program == "" {
		err = s.whoami(resource, ln)
	} else {
		_ = ln.Close() // the program listens there
		err = s.start(ctx, program, resource.Host)
	}
	if err != nil {
		release()
		_ = ln.Close()
		return nil, errors.Join(fmt.Errorf("start the server: %w", err), provider.Close())
	}
	return s, nil
}

func (s *stage) whoami(resource *url.URL, ln net.Listener) error {
	whoami, err := server.New(server.Config{Version: "signin", Config: bearer.Config{
		Resource: resource, Issuer: s.provider.Issuer(), Scopes: []string{"openid", "profile", "email"},
		RelayIssuerMetadata: true, Log: slog.New(slog.DiscardHandler),
	}})
	if err != nil {
		return err
	}
	h := &http.Server{Handler: whoami, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = h.Serve(ln) }() // ends with stop
	s.stop = func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = whoami.Close(ctx)
		_ = h.Close()
	}
	return nil
}

// start starts a program as the server and waits until it listens.
func (s *stage) start(ctx context.Context, program, host string) error {
	_, port, err := net.SplitHostPort(host)
	if err != nil {
		return err
	}
	p := exec.Command(program)
	p.Env = append(os.Environ(), "RESOURCE="+s.endpoint, "PORT="+port, "ISSUER="+s.provider.Issuer())
	p.Stdout, p.Stderr = os.Stderr, os.Stderr
	if err := p.Start(); err != nil {
		return err
	}
	s.stop = func() { _ = p.Process.Kill(); _ = p.Wait() }
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for look := time.NewTicker(20 * time.Millisecond); ; {
		select {
		case <-ctx.Done():
			look.Stop()
			s.stop()
			return fmt.Errorf("%s does not listen on %s", program, host)
		case <-look.C:
			if c, err := (&net.Dialer{}).DialContext(ctx, "tcp", host); err == nil {
				look.Stop()
				return c.Close()
			}
		}
	}
}

func (s *stage) close() {
	s.stop()
	s.release()
	_ = s.provider.Close()
}

// signIns is how often somebody has signed in, in a browser or with a code.
func (s *stage) signIns() int {
	stats := s.provider.Stats()
	return stats.CodeExchanges + stats.DeviceAuthorizations
}
