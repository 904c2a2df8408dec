package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"mcp-login/bearer"
	"mcp-login/internal/commandline"
	"mcp-login/internal/server"
)

const issuerHint = "give the provider's issuer, e.g. --issuer https://TENANT.logto.app/oidc, or try --dev"

func (o *options) parseIssuer(wrong func(string, error)) {
	o.parseLogto(wrong)
	defer o.parseProfile(wrong)
	if !o.dev {
		issuers := append(words(o.issuer), "")
		o.config.Issuer = issuers[0]
		next := issuerHint
		if meant, ok := commandline.Address(issuers[0]); ok && meant != issuers[0] {
			next = "write " + meant
		}
		err := bearer.CheckIdentifier("issuer", o.config.Issuer)
		// RFC 8414 section 3.1 puts the well-known name before the path, OpenID Connect behind it.
		if before, name, found := strings.Cut(o.config.Issuer, "/.well-known/"); err == nil && found {
			_, path, nested := strings.Cut(name, "/")
			if nested {
				path = "/" + path
			}
			next, err = "write --issuer "+before+path, fmt.Errorf("issuer %s: it is the address of metadata", o.config.Issuer)
		}
		wrong(next, err)
		if len(issuers) > 2 {
			o.config.OtherIssuers = issuers[1 : len(issuers)-1]
		}
		return
	}
	if o.issuer != "" {
		wrong("leave out --issuer or --dev", errors.New("issuer: --dev brings its own"))
	}
	_, err := checkAddress("dev-listen", o.devListen, "3002")
	wrong("", err)
}

// parsePage judges what stands on the page for people.
func (o *options) parsePage(wrong func(string, error)) {
	id, clients := o.config.PublicClient, o.config.Clients
	switch {
	case id == "":
	case o.dev:
		wrong("leave out --public-client or --dev", errors.New("public-client: programs register themselves at the provider of --dev"))
	case len(words(id)) > 1:
		wrong("give one client id", fmt.Errorf("public-client: %q is more than one", id))
	case len(clients) > 0 && !slices.Contains(clients, id):
		wrong("name it there as well", fmt.Errorf("public-client: %s is not among those of --client, so its tokens are refused", id))
	}
	wrong("give the address of a page, e.g. https://example.com/mcp-login", server.CheckPage("install-page", o.config.InstallPage))
}
