package cli

import (
	"mcp-login/internal/header"
	"mcp-login/internal/store"
)

// loginFlags are what a login needs beside what makes its account.
func (o *options) loginFlags() []string { return append(o.Flags(), o.connectionWords()...) }

// connectionWords say how to reach the server and where to keep the result. A secret is
// a placeholder, or its file.
func (o *options) connectionWords() (words []string) {
	add := func(name string, values ...string) {
		if o.changed(name) { // variables are set for that command as well
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
	for _, h := range o.commandHeaders {
		commands = append(commands, h.Name+": "+h.Command.Placeholder())
	}
	add("header-command", commands...)
	if store.Kind(o.store) != store.KindMemory { // no other process sees that one
		add("store", o.store)
	}
	add("ca-file", o.caFiles...)
	add("client-cert", o.certificate)
	add("client-cert-key", o.certKey)
	return words
}
