package mcpremote

import (
	"crypto/md5" //nolint:gosec // mcp-remote names its files by it; nothing is protected by it here
	"encoding/hex"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mcp-login/internal/oauth"
)

// Identity is what mcp-remote tells its logins apart by.
type Identity struct {
	// Server is the address as it was given to mcp-remote.
	Server string
	// Resource is --resource, or oauth.NoResource; "" for neither.
	Resource string
	// Headers are those of --header.
	Headers map[string]string
}

// Hash is what the names of the files of its login begin with.
func (r Identity) Hash() string {
	parts := []string{r.Server}
	if r.Resource != "" && r.Resource != oauth.NoResource {
		parts = append(parts, r.Resource)
	}
	if len(r.Headers) > 0 {
		b, err := json.Marshal(r.Headers, json.Deterministic(true), jsontext.EscapeForHTML(false))
		if err != nil {
			return ""
		}
		parts = append(parts, string(b))
	}
	sum := md5.Sum([]byte(strings.Join(parts, "|"))) //nolint:gosec // see the import
	return hex.EncodeToString(sum[:])
}

// Identify finds what the login is for, among the known identities and by the audience of
// its access token. Only the hash decides.
func (l *Login) Identify(known []Identity) bool {
	for _, k := range append(known, Identity{Server: l.audience()}) {
		for _, spelling := range []string{k.Server, strings.TrimSuffix(k.Server, "/"), k.Server + "/"} {
			k.Server = spelling
			if spelling != "" && k.Hash() == l.hash {
				l.Identity = k
				return true
			}
		}
	}
	return false
}

// Identities are what a login may be for that was made with mcp-remote's arguments: with
// its resource and headers, and without, because they may have been added since.
func Identities(args []string) []Identity {
	r := Identity{Headers: map[string]string{}}
	for n, arg := range args {
		value := ""
		if n+1 < len(args) {
			value = args[n+1]
		}
		switch {
		case arg == "--resource":
			r.Resource = strings.TrimSpace(value)
		case arg == "--disable-resource-parameter":
			r.Resource = oauth.NoResource
		case arg == "--header":
			if name, text, ok := strings.Cut(value, ":"); ok {
				r.Headers[name] = strings.TrimLeft(text, " \t")
			}
		case r.Server == "" && (strings.HasPrefix(arg, "https://") || strings.HasPrefix(arg, "http://")):
			r.Server = arg
		}
	}
	if r.Server == "" {
		return nil
	}
	return []Identity{r, {Server: r.Server}}
}
