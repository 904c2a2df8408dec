package main

import (
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/url"
	"strings"

	"mcp-login/bearer"
	"mcp-login/internal/commandline"
	"mcp-login/internal/server/profile"
)

// profileVariable has the secret of --profile-client.
const profileVariable = "WHOAMI_PROFILE_SECRET"

// organizationScope is what Logto wants of a login before it names an organization.
const organizationScope = "urn:logto:scope:organizations"

// logtoOptions are those that belong to Logto.
type logtoOptions struct {
	tenant                                string
	organizations                         []string
	profileID, profileFile, profileSecret string
	profileResource                       string
}

func (o *options) logtoFlags(fs *flag.FlagSet) {
	text(fs, &o.logto.tenant, "logto", "", "`URL` of a Logto, e.g. https://TENANT.logto.app, instead of --issuer: the issuer there, and --jwt-only")
	setting(o, fs, &o.logto.organizations, list, "organization", "", "`ids` of the organizations whose members may use this server, by the token's claim organization_id; empty: a token needs none")
	text(fs, &o.logto.profileID, "profile-client", "", "client `id` of a machine-to-machine application that reads callers' names from Logto's Management API; its secret is in "+profileVariable)
	text(fs, &o.logto.profileFile, "profile-secret-file", "", "`file` with the secret instead")
	text(fs, &o.logto.profileResource, "profile-resource", "", "`identifier` of the Management API (default: the issuer's host and /api); of a Logto of your own https://default.logto.app/api")
}

// parseLogto sets what --logto stands for, before the issuer is judged. What was said
// otherwise counts.
func (o *options) parseLogto(wrong func(next string, err error)) {
	if len(o.logto.organizations) > 0 {
		o.config.RequiredClaims = map[string][]string{"organization_id": o.logto.organizations}
	}
	if o.logto.tenant == "" {
		return
	}
	tenant := strings.TrimSuffix(o.logto.tenant, "/")
	u, err := url.Parse(tenant)
	switch {
	case o.dev:
		wrong("leave out --logto or --dev", errors.New("logto: --dev brings its own provider"))
		return
	case o.issuer != "":
		wrong("leave out --issuer or --logto", errors.New("logto: --issuer is given too"))
	case bearer.CheckIdentifier("issuer", tenant) != nil || err != nil || u.Path != "":
		next := "give the address of the tenant, e.g. --logto https://TENANT.logto.app"
		if meant, ok := commandline.Address(tenant); ok {
			if m, err := url.Parse(meant); err == nil && m.Host != "" {
				if tenant := m.Scheme + "://" + m.Host; bearer.CheckIdentifier("issuer", tenant) == nil {
					next = "write --logto " + tenant
				}
			}
		}
		wrong(next, errors.New("logto: not the address of a Logto, which has no path"))
	}
	o.issuer = tenant + "/oidc"
	if len(o.logto.organizations) > 0 {
		o.config.Scopes = append(o.config.Scopes, organizationScope)
	}
}

// parseProfile judges the options about callers' profiles, when the issuer is known.
func (o *options) parseProfile(wrong func(next string, err error)) {
	const next = "give --profile-client and " + profileVariable + " or --profile-secret-file"
	l := &o.logto
	given := l.profileSecret+l.profileFile != ""
	var err error
	l.profileSecret, err = secretOf(profileVariable, l.profileSecret, "profile-secret-file", l.profileFile, next)
	wrong("", err)
	if l.profileID == "" && !given && l.profileResource == "" {
		return
	}
	endpoint, ours := strings.CutSuffix(o.config.Issuer, "/oidc")
	switch {
	case l.profileID == "" || !given:
		wrong(next, errors.New("profile: client id and secret are both needed"))
	case o.dev:
		wrong("leave out --profile-client or --dev", errors.New("profile: the provider of --dev puts names into its tokens"))
	case !ours:
		wrong("give --logto, or leave out --profile-client", fmt.Errorf("profile: %s is not the issuer of a Logto, which ends in /oidc", o.config.Issuer))
	case l.profileResource == "":
		l.profileResource = endpoint + "/api"
	}
}

// profiles returns the source of callers' profiles; nil where nobody wants them.
func (o *options) profiles(log *slog.Logger) *profile.Source {
	if o.logto.profileID == "" {
		return nil
	}
	return profile.New(profile.Config{
		Endpoint: strings.TrimSuffix(o.config.Issuer, "/oidc"), Resource: o.logto.profileResource,
		ClientID: o.logto.profileID, ClientSecret: o.logto.profileSecret, Log: log,
	})
}
