package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/url"

	"mcp-login/internal/server"
)

// check says whether a start with the same options would go well, without listening: what is
// wrong with them was said before. Issuer and upstream are asked once; for each there is a
// line, on stdout what is fine and on stderr what is not.
func check(ctx context.Context, o *options, stdout, stderr io.Writer) int {
	log := newLog(o, stderr)
	warn(log, o)
	cfg := o.config
	cfg.Log = slog.New(slog.DiscardHandler) // what it would say is returned
	if cfg.Resource == nil {
		cfg.Resource = &url.URL{Scheme: "http", Host: o.listen, Path: "/mcp"}
	}
	if o.dev {
		cfg.Issuer = "http://" + o.devListen + "/oidc" // its own, which does not run
	}
	configs := o.configs(cfg)
	handler, err := server.NewGroup(configs...)
	if err != nil {
		report(stderr, err)
		return exitUsage
	}
	defer func() { _ = handler.Close(ctx) }()
	code := exitOK
	say := func(what string, err error) {
		if err != nil {
			report(stderr, err)
			code = exitFailure
			return
		}
		_, _ = fmt.Fprintln(stdout, "ok:", what)
	}
	say("configuration, resource "+resourcesOf(configs), nil)
	if !o.dev {
		err := checkIssuers(ctx, handler, cfg)
		if err == nil { // it has this name, or is down
			err = handler.AskIssuer(ctx)
		}
		say("issuer "+cfg.Issuer, err)
	}
	if cfg.Upstream != nil {
		say("upstream "+cfg.Upstream.Upstream.String(), handler.CheckUpstream(ctx))
	}
	return code
}
