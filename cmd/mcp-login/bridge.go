package main

import (
	"context"
	"fmt"

	"mcp-login/internal/bridge"
)

// bridge relays until stdin ends. What goes wrong with a request is answered
// to the client there; only what ends the whole run comes back as an error.
func (a *app) bridge(ctx context.Context, o options, raw string) error {
	s, err := a.session(o, raw, true)
	if err != nil {
		return err
	}
	defer s.close()
	if err := bridge.Run(ctx, a.in, a.out, bridge.Config{Upstream: s.remote, SignIn: s.signIn, Log: s.log}); err != nil {
		return fmt.Errorf("relay: %w", err)
	}
	return nil
}
