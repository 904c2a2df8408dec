package cli

import (
	"mcp-login/internal/account"
	"mcp-login/internal/header"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/store"
	"mcp-login/internal/workload"
)

// forThisServer returns the options for e, a kept login of the server that a person has
// named: what was given is for that server. The secret of a client is for the
// client that it was given with.
func (o options) forThisServer(e store.Entry) options {
	if e.Key.ClientID != o.ClientID {
		o.clientSecretFile, o.clientKey, o.clientInfo = "", "", ""
		if o.ClientID != "" {
			o.assertion = ""
		}
	}
	if e.Key.Enterprise != o.Enterprise || e.Key.EnterpriseClientID != o.EnterpriseClientID {
		o.enterpriseSecretFile, o.idTokenFile = "", ""
	}
	o.Client, o.Choices = "", oauth.Choices{} // those that are kept with the login hold
	o.use(e)
	return o
}

// use makes the options lead to a kept login. Its own settings hold where nothing is
// said.
func (o *options) use(e store.Entry) {
	o.kept, o.allowHTTP = &e, true
	o.Settings = o.For(e.Key)
}

// withoutVariables are the Settings without what variables say: variables are for a new
// sign-in, and must not hide a login that is kept.
func (o *options) withoutVariables() account.Settings {
	s := o.Settings
	if !o.changed("issuer") {
		s.IssuerChoice = discovery.IssuerChoice{}
	}
	if !o.changed("client-id") {
		s.ClientID = ""
	}
	return s
}

// narrowedByVariables reports whether variables say more about the account than flags.
func (o *options) narrowedByVariables() bool {
	s := o.withoutVariables()
	return o.kept == nil && (s.ClientID != o.ClientID || s.Named != o.Named)
}

// changed reports whether a flag was given.
func (o *options) changed(flag string) bool { return o.flags != nil && o.flags.Changed(flag) }

// loginFlags are what a login needs beside what makes its account.
func (o *options) loginFlags() []string { return append(o.Flags(), o.connectionWords()...) }

// storeWords say where to keep logins.
func (o *options) storeWords() []string {
	if !o.changed("store") || store.Kind(o.store) == store.KindMemory { // no other process sees that one
		return nil
	}
	return []string{"--store", o.store}
}

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
	add("assertion", workload.Placeholder(o.assertion))
	words = append(words, o.companyWords()...)
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
	words = append(words, o.storeWords()...)
	add("ca-file", o.caFiles...)
	add("client-cert", o.certificate)
	add("client-cert-key", o.certKey)
	return words
}
