package main

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"mcp-login/bearer"
	"mcp-login/internal/foreign"
	"mcp-login/internal/server"
)

// secretVariable is the one option without a flag: arguments can be read by
// everybody on the machine.
const secretVariable = "WHOAMI_INTROSPECTION_SECRET" //nolint:gosec // the name of a secret is none

// maxSecretBytes bounds the file that has the secret.
const maxSecretBytes = 4 << 10

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
	const next = "give --introspection-client and " + secretVariable + " or --introspection-secret-file"
	if o.introspectionFile != "" {
		if o.introspectionSecret != "" {
			wrong("keep one of them", fmt.Errorf("introspection-secret-file: %s is set too", secretVariable))
		}
		secret, err := readSecret("introspection-secret-file", o.introspectionFile)
		wrong(next, err)
		o.introspectionSecret = secret
	}
	if o.introspectionID == "" && o.introspectionSecret == "" && o.introspectionFile == "" {
		return
	}
	if o.introspectionID == "" || o.introspectionSecret == "" {
		wrong(next, errors.New("introspection: client id and secret are both needed"))
		return
	}
	o.config.Introspection = &bearer.Introspection{
		ClientID: o.introspectionID, ClientSecret: o.introspectionSecret, AudienceOptional: o.introspectionAudienceOptional,
	}
}

// readSecret reads the file of an option.
func readSecret(option, path string) (string, error) {
	raw, err := foreign.ReadGiven(path, maxSecretBytes)
	if err != nil {
		return "", fmt.Errorf("%s: %w", option, err)
	}
	return strings.TrimRight(string(raw), "\r\n"), nil
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
