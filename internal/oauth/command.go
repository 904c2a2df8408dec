package oauth

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"mcp-login/internal/hint"
	"mcp-login/internal/origin"
)

// Command is what a person runs to do verb with the account of key, at issuer if key
// names none; "" is whichever the server names. accepted is what its metadata may
// call itself besides, or "". Without a verb it is the line of a client's
// configuration. It is for a shell, and does not show a secret. flags are further
// words.
func Command(verb string, key Key, issuer, accepted string, flags ...string) string {
	account := AccountFlags(key, issuer, accepted)
	if at := slices.Index(account, "--assertion"); at >= 0 && slices.Contains(flags, "--assertion") {
		account = slices.Delete(account, at, at+2) // the source is known
	}
	words := append([]string{strings.TrimSpace("mcp-login " + verb)}, account...)
	if u, err := url.Parse(key.Server); err == nil && u.Scheme == "http" && !origin.Loopback(u.Hostname()) {
		words = append(words, "--allow-http")
	}
	if key.Grant != GrantEnterprise { // AccountFlags has it
		flags = append(flags, key.Server)
	}
	for _, word := range flags {
		words = append(words, hint.Quote(word))
	}
	return strings.Join(words, " ")
}

// AccountFlags are the words of Command that name the account among those of its
// server, nil for the one that needs none.
func AccountFlags(key Key, issuer, accepted string) (words []string) {
	enterprise, enterpriseClient := key.Enterprise, key.EnterpriseClientID
	if key.Grant == GrantEnterprise {
		enterprise, enterpriseClient = key.Server, key.ClientID
		key.ClientID, key.Issuer, issuer, accepted = "", "", "", ""
	}
	for _, flag := range []struct{ name, value string }{
		{"--profile", key.Profile},
		{"--client-id", key.ClientID},
		{"--issuer", cmp.Or(key.Issuer, issuer)},
		{"--accept-issuer", accepted},
		{"--enterprise", enterprise},
		{"--enterprise-client-id", enterpriseClient},
	} {
		if flag.value != "" {
			words = append(words, flag.name, hint.Quote(flag.value))
		}
	}
	switch key.Grant {
	case GrantClientCredentials:
		words = append(words, "--client-credentials")
	case GrantJWTBearer:
		words = append(words, "--assertion", "SOURCE") // which is not kept
	}
	switch scopes := strings.Join(key.Scopes, " "); {
	case scopes != "":
		words = append(words, "--scope", hint.Quote(scopes))
	case key.Scopes != nil:
		words = append(words, "--scope=") // some shells drop an argument that is empty
	}
	switch key.Resource {
	case "":
	case NoResource:
		words = append(words, "--no-resource")
	default:
		words = append(words, "--resource", hint.Quote(key.Resource))
	}
	for _, param := range key.Params {
		words = append(words, "--auth-param", hint.Quote(param))
	}
	return words
}

func (c *Client) command(verb string, flags ...string) string {
	return Command(verb, c.cfg.Key, c.cfg.Named, c.cfg.Accepted, append(flags, c.cfg.LoginFlags...)...)
}
