package mcpremote

import (
	"crypto/md5" //nolint:gosec // mcp-remote derives names and a port from it; it protects nothing
	"encoding/hex"
	"slices"
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
	resource := r.Resource
	if resource == oauth.NoResource {
		resource = ""
	}
	sum := digest(r.Server, resource, sortedJSON(r.Headers))
	return hex.EncodeToString(sum[:])
}

// digest is what mcp-remote makes of several parts, of which it leaves out the empty ones.
func digest(parts ...string) [md5.Size]byte {
	parts = slices.DeleteFunc(parts, func(part string) bool { return part == "" })
	return md5.Sum([]byte(strings.Join(parts, "|"))) //nolint:gosec // see the import
}

// sortedJSON is what JSON.stringify makes of an object with its names sorted, "" for an
// empty one.
func sortedJSON(m map[string]string) string {
	if len(m) == 0 {
		return ""
	}
	b, err := json.Marshal(m, json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return ""
	}
	return string(b)
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
