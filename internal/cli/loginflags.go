package cli

import (
	"mcp-login/internal/header"
	"mcp-login/internal/oauth"
	"mcp-login/internal/store"
)

// loginFlags are what a login needs beside what makes its account: how to reach the
// server and where to keep the result. A secret is a placeholder, or its file.
func (o *options) loginFlags() []string {
	words := o.Flags()
	add := func(name string, values ...string) {
		if o.said(name) { // what variables say, they say again
			for _, value := range values {
				words = append(words, "--"+name, value)
			}
		}
	}
	add("client-secret-file", o.clientSecretFile)
	add("client-key", o.clientKey)
	var headers []string
	for _, line := range o.headers {
		headers = append(headers, header.Placeholder(line))
	}
	add("header", headers...)
	add("header-file", o.headerFiles...)
	var commands []string
	for _, h := range o.commanded {
		commands = append(commands, h.Name+": "+h.Command.Placeholder())
	}
	add("header-command", commands...)
	if store.Kind(o.store) != store.KindMemory { // which no other program sees
		add("store", o.store)
	}
	add("ca-file", o.wire.trust.caFiles...)
	add("client-cert", o.wire.trust.certificate)
	add("client-cert-key", o.wire.trust.certKey)
	return words
}

// loginCommand is what a person runs to sign in to the account of s.
func (s *session) loginCommand(o options) string {
	return oauth.LoginCommand(s.key, o.Named, o.Accepted, o.loginFlags()...)
}
