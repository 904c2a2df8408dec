package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/url"

	"mcp-login/internal/hint"
	"mcp-login/internal/server"
	"mcp-login/internal/server/gateway"
)

// check says whether a start with the same options would go well, without listening: what is
// wrong with them was said before. Issuer and upstream are asked once; for each there is a
// line, on stdout what is fine and on stderr what is not.
func check(ctx context.Context, o *options, stdout, stderr io.Writer) int {
	log := newLog(o, stderr)
	warn(log, o)
	cfg := o.config
	cfg.Log = slog.New(slog.DiscardHandler) // what it would say is returned
	if cfg.Resource == nil {                // nobody knows it before the start has bound its address
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
	resources := "resource " + resourcesOf(configs)
	if o.config.Resource == nil {
		resources = "the resource follows from --listen"
	}
	say("configuration, "+resources, nil)
	for _, issuer := range issuersOf(cfg) {
		if !o.dev {
			say("issuer "+issuer, checkIssuer(ctx, handler, cfg, issuer))
		}
	}
	if cfg.Upstream != nil {
		err := handler.CheckUpstream(ctx)
		if hint.Of(err) == "" && err != nil {
			err = hint.With(err, downHint)
		}
		say("upstream "+gateway.Shown(cfg.Upstream.Upstream), err)
	}
	return code
}
