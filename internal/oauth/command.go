package oauth

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"mcp-login/internal/origin"
)

// LoginCommand is what a person runs to sign in to the account of key, at issuer
// if key names none; "" is whichever the server names. accepted is what its
// metadata may call itself besides, or "". It is for a shell, and does not show a
// secret. flags are further words.
func LoginCommand(key Key, issuer, accepted string, flags ...string) string {
	return command("login", key, issuer, accepted, flags...)
}

// command is LoginCommand with another verb.
func command(verb string, key Key, issuer, accepted string, flags ...string) string {
	words := []string{"mcp-login " + verb}
	for _, flag := range []struct{ name, value string }{
		{"--profile", key.Profile},
		{"--client-id", key.ClientID},
		{"--issuer", cmp.Or(key.Issuer, issuer)},
		{"--accept-issuer", accepted},
	} {
		if flag.value != "" {
			words = append(words, flag.name, quoted(flag.value))
		}
	}
	if key.Grant == GrantClientCredentials {
		words = append(words, "--client-credentials")
	}
	if key.Scopes != nil {
		words = append(words, "--scope", quoted(strings.Join(key.Scopes, " ")))
	}
	switch key.Resource {
	case "":
	case NoResource:
		words = append(words, "--no-resource")
	default:
		words = append(words, "--resource", quoted(key.Resource))
	}
	for _, param := range key.Params {
		words = append(words, "--auth-param", quoted(param))
	}
	if u, err := url.Parse(key.Server); err == nil && u.Scheme == "http" && !origin.Loopback(u.Hostname()) {
		words = append(words, "--allow-http")
	}
	for _, word := range append(flags, key.Server) {
		words = append(words, quoted(word))
	}
	return strings.Join(words, " ")
}

// loginCommand is LoginCommand for the account of c.
func (c *Client) loginCommand() string {
	return LoginCommand(c.cfg.Key, c.cfg.Named, c.cfg.Accepted, c.cfg.LoginFlags...)
}

// quoted is a word for a shell.
func quoted(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._~:/@%+=,[]", r)
	}
	if s != "" && !slices.ContainsFunc([]rune(s), func(r rune) bool { return !plain(r) }) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
