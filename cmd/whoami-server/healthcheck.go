package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
)

// healthTimeout is how long a health check may take.
const healthTimeout = 5 * time.Second

// healthcheck asks the server that runs with the same options whether it is
// ready, for containers that have no other program to ask with. The address for
// operations is asked; without one, whether the other takes connections.
func healthcheck(ctx context.Context, o *options, stderr io.Writer) int {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	if err := checkHealth(ctx, o); err != nil {
		report(stderr, hint.With(err, "the address comes from --ops-listen or --listen, as for the server itself"))
		return exitFailure
	}
	return exitOK
}

func checkHealth(ctx context.Context, o *options) error {
	if o.opsListen == "" {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", reachable(o.listen))
		if err != nil {
			return fmt.Errorf("health check: %w", err)
		}
		_ = c.Close()
		return nil
	}
	url := "http://" + reachable(o.opsListen) + "/readyz"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("health check: %w", err)
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req) //nolint:bodyclose // foreign.Discard closes it
	if err != nil {
		return fmt.Errorf("health check: %w", err)
	}
	foreign.Discard(resp)
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("health check: %s answers %s", url, resp.Status)
	}
	return nil
}

// reachable is an address to connect to for one to listen on: all interfaces
// include the loopback one.
func reachable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
