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

// stage is the provider and the server, on loopback.
type stage struct {
	provider *devidp.Server
	whoami   *server.Server
	http     *http.Server
	endpoint string
}

// open starts both on free ports. The provider knows the server's address as a resource.
func open(ctx context.Context) (*stage, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	resource := &url.URL{Scheme: "http", Host: ln.Addr().String(), Path: "/mcp"}
	provider, err := devidp.Start(ctx, "127.0.0.1:0", devidp.Config{
		Registration: true, TokenClaims: true, Resources: []devidp.Resource{{Indicator: resource.String()}},
		Faults: devidp.Faults{DeviceInterval: 1}, // seconds; without it 5
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the provider: %w", err), ln.Close())
	}
	whoami, err := server.New(server.Config{Version: "signin", Config: bearer.Config{
		Resource: resource, Issuer: provider.Issuer(), Scopes: []string{"openid", "profile", "email"},
		RelayIssuerMetadata: true, Log: slog.New(slog.DiscardHandler),
	}})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the server: %w", err), ln.Close(), provider.Close())
	}
	s := &stage{
		provider: provider, whoami: whoami, endpoint: resource.String(),
		http: &http.Server{Handler: whoami, ReadHeaderTimeout: 5 * time.Second},
	}
	go func() { _ = s.http.Serve(ln) }() // ends with close
	return s, nil
}

func (s *stage) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = s.whoami.Close(ctx)
	_ = s.http.Close()
	_ = s.provider.Close()
}

// signIns is how often somebody has signed in, in a browser or with a code.
func (s *stage) signIns() int {
	stats := s.provider.Stats()
	return stats.CodeExchanges + stats.DeviceAuthorizations
}
