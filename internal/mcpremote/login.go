package mcpremote

import (
	"crypto/md5" //nolint:gosec // mcp-remote derives names and a port from it; it protects nothing
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mcp-login/internal/foreign"
	"mcp-login/internal/oauth"
)

// mcp-remote 0.15 keeps a login in FOLDER/mcp-remote-v1, earlier releases in
// FOLDER/mcp-remote-VERSION: HASH_client_info.json is the answer to its registration,
// HASH_tokens.json that of the token endpoint with the time of its expiry. A login under
// way has further files of the same hash.

// maxFile bounds one file, in bytes, and maxFiles their number.
const (
	maxFile  = 1 << 20
	maxFiles = 4096
)

// fileName matches the names of files. Compiled on first use: a bridge never needs it.
var fileName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([0-9a-f]{32})_[A-Za-z0-9_.-]+$`) })

// Login is one login of mcp-remote.
type Login struct {
	// Files are all its files, those of earlier releases included.
	Files []string
	// Identity is what it is for, once Identify has found it.
	Identity Identity

	folder, hash string
	client       clientFile
	tokens       tokensFile
}

// clientFile is HASH_client_info.json.
type clientFile struct {
	ClientID     string   `json:"client_id"`
	ClientSecret string   `json:"client_secret"`
	SecretExpiry float64  `json:"client_secret_expires_at"`
	RedirectURIs []string `json:"redirect_uris"`
	AuthMethod   string   `json:"token_endpoint_auth_method"`
	Issuer       string   `json:"issuer"`
}

// tokensFile is HASH_tokens.json.
type tokensFile struct {
	AccessToken    string  `json:"access_token"`
	RefreshToken   string  `json:"refresh_token"`
	IDToken        string  `json:"id_token"`
	TokenType      string  `json:"token_type"`
	Scope          string  `json:"scope"`
	RequestedScope string  `json:"requested_scope"`
	Issuer         string  `json:"issuer"`
	ExpiresIn      float64 `json:"expires_in"` // seconds
	ExpiresAt      float64 `json:"expires_at"` // milliseconds since 1970
}

// Folder is where mcp-remote keeps its files, for a person with this home folder.
func Folder(getenv func(string) string, home string) string {
	if dir := getenv("MCP_REMOTE_CONFIG_DIR"); dir != "" {
		return dir
	}
	return filepath.Join(home, ".mcp-auth")
}

// Logins reads the logins in mcp-remote's folder, those of the newest release first. A
// folder that does not exist has none. A file that cannot be read, or is not what
// mcp-remote writes, is an error that shows nothing of it.
func Logins(folder string) ([]*Login, error) {
	if _, err := os.Stat(folder); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return nil, err
	}
	layouts, err := filepath.Glob(filepath.Join(escapeGlob(folder), "mcp-remote-*"))
	if err != nil {
		return nil, err
	}
	byHash, list, seen := map[string]*Login{}, []*Login{}, 0
	for n := len(layouts) - 1; n >= 0; n-- { // v1 sorts behind the numbers
		names, err := os.ReadDir(layouts[n])
		if err != nil {
			return nil, err
		}
		here := map[string]*Login{}
		for _, name := range names {
			m := fileName().FindStringSubmatch(name.Name())
			if seen++; m == nil || !name.Type().IsRegular() || seen > maxFiles {
				continue
			}
			l := here[m[1]]
			if l == nil {
				l = &Login{folder: layouts[n], hash: m[1]}
				here[m[1]] = l
			}
			l.Files = append(l.Files, filepath.Join(layouts[n], name.Name()))
		}
		for hash, l := range here {
			if newer := byHash[hash]; newer != nil {
				newer.Files = append(newer.Files, l.Files...)
				continue
			}
			if err := l.read(); err != nil {
				return nil, err
			}
			byHash[hash] = l
			list = append(list, l)
		}
	}
	return list, nil
}

var globSpecial = strings.NewReplacer(`*`, `[*]`, `?`, `[?]`, `[`, `[[]`)

// escapeGlob keeps a folder's name from being a pattern.
func escapeGlob(path string) string { return globSpecial.Replace(path) }

// Prefix is the path that its files begin with.
func (l *Login) Prefix() string { return filepath.Join(l.folder, l.hash) }

// Remove removes its files.
func (l *Login) Remove() error {
	for _, path := range l.Files {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove a file of mcp-remote: %w", err)
		}
	}
	return nil
}

func (l *Login) read() error {
	return errors.Join(readFile(l.Prefix()+"_client_info.json", &l.client), readFile(l.Prefix()+"_tokens.json", &l.tokens))
}

// readFile decodes one file into v; a missing one leaves v as it is.
func readFile(path string, v any) error {
	b, err := foreign.ReadFile(path, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer clear(b)
	// The text of a decoding error may quote a token: it is dropped.
	if json.Unmarshal(b, v) != nil {
		return fmt.Errorf("%s is not what mcp-remote writes", path)
	}
	return nil
}

// Identity is what mcp-remote tells its logins apart by.
type Identity struct {
	// Server is the address as it was given to mcp-remote.
	Server string
	// Resource is --resource, or oauth.NoResource; "" for neither.
	Resource string
	// Headers are those of --header.
	Headers map[string]string
}

// filePrefix is what the names of the files of its login begin with: a hash.
func (r Identity) filePrefix() string {
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
			if spelling != "" && k.filePrefix() == l.hash {
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
