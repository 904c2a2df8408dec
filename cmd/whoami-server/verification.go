package main

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"mcp-login/internal/foreign"
	"mcp-login/internal/server"
)

// verificationOptions are those about tokens and scopes, as text.
type verificationOptions struct {
	cacheTTL, outageGrace, leeway, algorithm, client        string
	introspectionID, introspectionFile, introspectionSecret string
	whoamiScope, detailsScope                               string
	introspectionAudienceOptional                           boolText

	// others are the resources after the first.
	others []*url.URL
}

// secretVariable is the one option without a flag: arguments can be read by
// everybody on the machine.
const secretVariable = "WHOAMI_INTROSPECTION_SECRET" //nolint:gosec // the name of a secret is none

// maxSecretBytes bounds the file that has the secret.
const maxSecretBytes = 4 << 10

func (v *verificationOptions) flags(text func(p *string, name, def, usage string),
	boolean func(p *boolText, name, def, usage string),
) {
	text(&v.cacheTTL, "cache-ttl", "30s", "`duration` for which a checked token is not checked again, so for which a revoked one\nmay still be accepted; 0 checks every request")
	text(&v.outageGrace, "outage-grace", "5m", "`duration` for which a token stays good after its last check while the issuer cannot\nbe asked; 0 not at all")
	text(&v.leeway, "leeway", "30s", "tolerated `difference` of clocks")
	text(&v.algorithm, "algorithm", "", "accepted signature `algorithms`, e.g. ES384; empty: those of the issuer's keys")
	text(&v.client, "client", "", "`ids` of the applications whose tokens are accepted; empty: all")
	text(&v.introspectionID, "introspection-client", "", "client `id` for the issuer's introspection endpoint, which opaque tokens are\nshown to then; its secret is in "+secretVariable)
	text(&v.introspectionFile, "introspection-secret-file", "", "`file` with the secret instead")
	boolean(&v.introspectionAudienceOptional, "introspection-audience-optional", "false", "accept opaque tokens for which introspection names no audience")
	text(&v.whoamiScope, "whoami-scope", "", "`scopes` that the tool whoami needs; clients are told to ask for them")
	text(&v.detailsScope, "details-scope", "", "`scopes` that the tool whoami_details needs; without any it is not there")
}

// parse fills cfg and reports every mistake.
func (v *verificationOptions) parse(cfg *server.Config, wrong func(next string, err error), yes func(string, boolText) bool) {
	duration := func(name, text string, def time.Duration) time.Duration {
		d, err := time.ParseDuration(text)
		if text == "0" {
			d, err = 0, nil
		}
		if err != nil || d < 0 {
			wrong("write a duration, e.g. 30s, 5m or 0", fmt.Errorf("%s: %q is not a duration", name, text))
			return def
		}
		return d
	}
	// In the configuration zero means the default, here it means none.
	none := func(d time.Duration) time.Duration {
		if d == 0 {
			return -1
		}
		return d
	}
	cfg.CacheTTL = none(duration("cache-ttl", v.cacheTTL, 0))
	cfg.OutageGrace = none(duration("outage-grace", v.outageGrace, 0))
	cfg.Leeway = duration("leeway", v.leeway, 0)
	if cfg.Leeway == 0 {
		cfg.Leeway = time.Nanosecond // zero would be the default
	}
	cfg.Algorithms, cfg.Clients = words(v.algorithm), words(v.client)
	cfg.ToolScopes = make(map[string][]string)
	if scopes := words(v.whoamiScope); len(scopes) > 0 {
		cfg.ToolScopes["whoami"] = scopes
		cfg.Scopes = append(cfg.Scopes, scopes...)
	}
	if scopes := words(v.detailsScope); len(scopes) > 0 {
		cfg.ToolScopes["whoami_details"] = scopes
	}
	optional := yes("introspection-audience-optional", v.introspectionAudienceOptional)
	v.parseIntrospection(cfg, optional, wrong)
}

func (v *verificationOptions) parseIntrospection(cfg *server.Config, optional bool, wrong func(next string, err error)) {
	const next = "give --introspection-client and " + secretVariable + " or --introspection-secret-file"
	if v.introspectionFile != "" {
		if v.introspectionSecret != "" {
			wrong("keep one of them", fmt.Errorf("introspection-secret-file: %s is set too", secretVariable))
		}
		secret, err := readSecret(v.introspectionFile)
		wrong(next, err)
		v.introspectionSecret = secret
	}
	if v.introspectionID == "" && v.introspectionSecret == "" && v.introspectionFile == "" {
		return
	}
	if v.introspectionID == "" || v.introspectionSecret == "" {
		wrong(next, errors.New("introspection: client id and secret are both needed"))
		return
	}
	cfg.Introspection = &server.Introspection{
		ClientID: v.introspectionID, ClientSecret: v.introspectionSecret, AudienceOptional: optional,
	}
}

func readSecret(path string) (string, error) {
	raw, err := foreign.ReadGiven(path, maxSecretBytes)
	if err != nil {
		return "", fmt.Errorf("introspection-secret-file: %w", err)
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
	for _, tool := range []string{"whoami", "whoami_details"} {
		all = append(all, cfg.ToolScopes[tool]...)
	}
	return slices.DeleteFunc(all, func(s string) bool {
		return slices.Contains([]string{"openid", "profile", "email", "phone", "address", "offline_access"}, s)
	})
}
