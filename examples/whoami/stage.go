package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"mcp-login/bearer"
	"mcp-login/internal/devidp"
	"mcp-login/internal/server"
)

// tokenLife is how long an access token lives here until its end has been shown. An hour
// is usual.
const tokenLife = 3 * time.Second

// deviceInterval is how often mcp-login asks whether a code was typed in, in seconds.
// Without one it would be 5 (RFC 8628, section 3.2).
const deviceInterval = 1

// stage is the provider and the server.
type stage struct {
	provider *devidp.Server
	whoami   *server.Server
	http     *http.Server
	served   chan struct{}
	endpoint string
}

// open starts both on free ports. The server's address is bound first, because
// the provider has to know it as a resource.
func open(ctx context.Context) (*stage, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	resource := &url.URL{Scheme: "http", Host: ln.Addr().String(), Path: "/mcp"}
	// Not bound to ctx: a bridge that ends says so to both.
	provider, err := devidp.Start(context.WithoutCancel(ctx), "127.0.0.1:0", devidp.Config{
		Registration: true, TokenClaims: true, AccessTokenTTL: tokenLife,
		Resources: []devidp.Resource{{Indicator: resource.String()}},
		Faults:    devidp.Faults{DeviceInterval: deviceInterval},
	})
	if err != nil {
		_ = ln.Close()
		return nil, fmt.Errorf("start the provider: %w", err)
	}
	whoami, err := server.New(server.Config{Version: "demo", Config: bearer.Config{
		Resource: resource, Issuer: provider.Issuer(), Scopes: []string{"openid", "profile", "email"},
		RelayIssuerMetadata: true, Log: slog.New(slog.DiscardHandler),
	}})
	if err != nil {
		_ = ln.Close()
		return nil, errors.Join(fmt.Errorf("start the server: %w", err), provider.Close())
	}
	s := &stage{
		provider: provider, whoami: whoami, endpoint: resource.String(), served: make(chan struct{}),
		http: &http.Server{Handler: whoami, ReadHeaderTimeout: 5 * time.Second},
	}
	go func() {
		defer close(s.served)
		_ = s.http.Serve(ln) // ends with close
	}()
	return s, nil
}

func (s *stage) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := errors.Join(s.whoami.Close(ctx), s.http.Shutdown(ctx), s.provider.Close())
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	<-s.served
	return err
}

// lastLonger lets tokens that are issued from now on live as long as is usual.
func (s *stage) lastLonger() {
	s.provider.SetFaults(devidp.Faults{DeviceInterval: deviceInterval, AccessTokenTTL: time.Hour})
}

// signIns is how often somebody has signed in, in a browser or with a code.
func (s *stage) signIns() int {
	stats := s.provider.Stats()
	return stats.CodeExchanges + stats.DeviceAuthorizations
}

func (s *stage) renewals() int { return s.provider.Stats().Refreshes }
