package main

import (
	"errors"
	"flag"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"mcp-login/bearer"
	"mcp-login/internal/server"
)

// secretVariable is the one option without a flag: arguments can be read by
// everybody on the machine.
const secretVariable = "WHOAMI_INTROSPECTION_SECRET" //nolint:gosec // the name of a secret is none

// verificationFlags are those about tokens and scopes.
func (o *options) verificationFlags(fs *flag.FlagSet) {
	c := &o.config
	setting(o, fs, &c.CacheTTL, orNone(-1), "cache-ttl", "30s", "`duration` for which a checked token is not checked again, so for which a revoked one may still be accepted; 0 checks every request")
	setting(o, fs, &c.OutageGrace, orNone(-1), "outage-grace", "5m", "`duration` for which a token stays good after its last check while the issuer cannot be asked; 0 not at all")
	setting(o, fs, &c.Leeway, orNone(time.Nanosecond), "leeway", "30s", "tolerated `difference` of clocks")
	setting(o, fs, &c.Algorithms, list, "algorithm", "", "accepted signature `algorithms`, e.g. ES384; empty: those of the issuer's keys")
	setting(o, fs, &c.Clients, list, "client", "", "`ids` of the applications whose tokens are accepted; empty: all")
	text(fs, &o.introspectionID, "introspection-client", "", "client `id` for the issuer's introspection endpoint, which opaque tokens are shown to then; its secret is in "+secretVariable)
	text(fs, &o.introspectionFile, "introspection-secret-file", "", "`file` with the secret instead")
	text(fs, &o.introspectionKey, "introspection-key-file", "", "`file` with a private key, PEM or JWK, to sign in there by private_key_jwt, without a secret")
	setting(o, fs, &o.introspectionAudienceOptional, boolean, "introspection-audience-optional", "false", "accept opaque tokens for which introspection names no audience")
	text(fs, &o.whoamiScope, "whoami-scope", "", "`scopes` that the tool whoami needs; clients are told to ask for them")
	text(fs, &o.detailsScope, "details-scope", "", "`scopes` that the tool whoami_details needs; without any it is not there")
}

func (o *options) parseToolScopes() {
	o.config.ToolScopes = make(map[string][]string)
	if scopes := words(o.whoamiScope); len(scopes) > 0 {
		o.config.ToolScopes["whoami"] = scopes
		o.config.Scopes = append(o.config.Scopes, scopes...)
	}
	if scopes := words(o.detailsScope); len(scopes) > 0 {
		o.config.ToolScopes["whoami_details"] = scopes
	}
}

func (o *options) parseIntrospection(wrong func(next string, err error)) {
	const next = "give --introspection-client, and " + secretVariable + ", --introspection-secret-file or --introspection-key-file"
	i := &bearer.Introspection{ClientID: o.introspectionID, AudienceOptional: o.introspectionAudienceOptional}
	var err error
	if i.ClientSecret, err = secretOf(secretVariable, o.introspectionSecret, "introspection-secret-file", o.introspectionFile, next); err != nil {
		wrong("", err)
	} else if o.introspectionKey != "" {
		i.Key, i.KeyID, err = readKey("introspection-key-file", o.introspectionKey)
		wrong("make one, e.g. openssl genpkey -algorithm ed25519 -out key.pem", err)
		if i.ClientSecret != "" {
			err = errors.New("introspection-key-file: there is a secret too")
			wrong(keepOne, err)
		}
	}
	switch given := o.introspectionSecret+o.introspectionFile+o.introspectionKey != ""; {
	case given != (i.ClientID != ""):
		wrong(next, errors.New("introspection: client id and secret or key are both needed"))
	case given && err == nil:
		o.config.Introspection = i
	}
}

// configs are one configuration per resource. Where there are several, each
// metric has the resource as a label.
func (o *options) configs(first server.Config) []server.Config {
	all := []server.Config{first}
	for _, u := range o.others {
		cfg := first
		cfg.Resource = u
		all = append(all, cfg)
	}
	if len(all) > 1 && first.Metrics != nil {
		for k := range all {
			all[k].Metrics = prometheus.WrapRegistererWith(prometheus.Labels{"resource": all[k].Resource.String()}, first.Metrics)
		}
	}
	return all
}

// apiScopes are the scopes that a provider must know of for its API resources:
// all that are configured but those of OpenID Connect.
func apiScopes(cfg *server.Config) []string {
	all := slices.Concat(cfg.Scopes, cfg.RequiredScopes)
	for _, tool := range slices.Sorted(maps.Keys(cfg.ToolScopes)) {
		all = append(all, cfg.ToolScopes[tool]...)
	}
	return slices.DeleteFunc(all, func(s string) bool {
		return slices.Contains([]string{"openid", "profile", "email", "phone", "address", "offline_access"}, s)
	})
}

// parseOpaque refuses opaque tokens where a server of others is protected, and where the
// provider can do better: without introspection nothing says whom they are for. What was
// said otherwise counts.
func (o *options) parseOpaque() {
	if !o.opaqueSaid && o.introspectionID == "" && (o.logto.tenant != "" || o.gateway.upstream != "" || o.forwardAuth) {
		o.config.JWTOnly = true
	}
}
