package main

import (
	"errors"

	"mcp-login/internal/server/gateway"
)

// parseForwardAuth judges what is given beside --forward-auth. It comes after parseGateway.
func (o *options) parseForwardAuth(wrong func(string, error)) {
	if !o.forwardAuth {
		return
	}
	if o.gateway.upstream != "" {
		wrong("leave out --forward-auth or --upstream", errors.New("forward-auth: with an upstream no proxy asks"))
		return
	}
	if len(o.config.TrustedProxies) == 0 {
		wrong("give its address, e.g. --trusted-proxy 127.0.0.1", errors.New("forward-auth: no proxy is named that may ask"))
	}
	if len(o.config.ToolScopes) > 0 {
		wrong("use --upstream, which reads messages, or --required-scope, which is for all of them",
			errors.New("forward-auth: it sees no messages, so that no tool can need a scope"))
	}
	if o.config.Stateful {
		wrong("leave it out, or leave out --forward-auth", errors.New("stateful: sessions are those of the server behind the proxy"))
	}
	told := gateway.Config{}
	o.parseIdentity(&told, wrong)
	for _, err := range leaves(told.CheckHeaders()) {
		wrong(headersHint, err)
	}
	if o.config.ForwardAuth = told.Identity; told.Identity == nil {
		o.config.ForwardAuth = gateway.DefaultIdentity()
	}
}
