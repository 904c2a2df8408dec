package cli

import (
	"crypto/md5" //nolint:gosec // mcp-remote names its files by it; nothing is protected by it here
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
	"mcp-login/internal/oauth"
)

// What mcp-remote 0.15 keeps for a login, in FOLDER/mcp-remote-v1 (older ones:
// mcp-remote-VERSION): HASH_client_info.json, the answer to its registration;
// HASH_tokens.json, the answer of the token endpoint and when it ends; and, of
// a login under way, others of the same hash.

// maxRemoteFile bounds one such file, and maxRemoteFiles their number.
const (
	maxRemoteFile  = 1 << 20
	maxRemoteFiles = 4096
)

// remoteFile matches them; compiled when wanted, because a bridge never does.
var remoteFile = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([0-9a-f]{32})_[A-Za-z0-9_.-]+$`) })

// remoteLogin is one login of mcp-remote.
type remoteLogin struct {
	folder, hash string
	files        []string
	client       remoteClient
	tokens       remoteTokens
	identity     remoteIdentity
}

type remoteClient struct {
	ClientID     string   `json:"client_id"`
	ClientSecret string   `json:"client_secret"`
	SecretExpiry float64  `json:"client_secret_expires_at"`
	RedirectURIs []string `json:"redirect_uris"`
	AuthMethod   string   `json:"token_endpoint_auth_method"`
	Issuer       string   `json:"issuer"`
}

type remoteTokens struct {
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

// readMCPRemote reads the logins in a folder, those of the newest layout first.
// A missing folder has none.
func readMCPRemote(folder string) ([]*remoteLogin, error) {
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
	byHash, list, seen := map[string]*remoteLogin{}, []*remoteLogin{}, 0
	for n := len(layouts) - 1; n >= 0; n-- { // v1 sorts behind the numbers
		names, err := os.ReadDir(layouts[n])
		if err != nil {
			return nil, err
		}
		here := map[string]*remoteLogin{}
		for _, name := range names {
			m := remoteFile().FindStringSubmatch(name.Name())
			if seen++; m == nil || !name.Type().IsRegular() || seen > maxRemoteFiles {
				continue
			}
			l := here[m[1]]
			if l == nil {
				l = &remoteLogin{folder: layouts[n], hash: m[1]}
				here[m[1]] = l
			}
			l.files = append(l.files, filepath.Join(layouts[n], name.Name()))
		}
		for hash, l := range here {
			if newer := byHash[hash]; newer != nil {
				newer.files = append(newer.files, l.files...)
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

// prefix is what the names of its files begin with.
func (l *remoteLogin) prefix() string { return filepath.Join(l.folder, l.hash) }

func (l *remoteLogin) read() error {
	return errors.Join(readRemote(l.prefix()+"_client_info.json", &l.client), readRemote(l.prefix()+"_tokens.json", &l.tokens))
}

// readRemote reads one file; a missing one leaves v as it is.
func readRemote(path string, v any) error {
	b, err := foreign.ReadFile(path, maxRemoteFile)
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

// remoteIdentity is what mcp-remote derives a hash from.
type remoteIdentity struct {
	server, resource string
	headers          map[string]string
}

// hash is how mcp-remote names the files of an identity.
func (r remoteIdentity) hash() string {
	parts := []string{r.server}
	if r.resource != "" && r.resource != oauth.NoResource {
		parts = append(parts, r.resource)
	}
	if len(r.headers) > 0 {
		b, err := json.Marshal(r.headers, json.Deterministic(true), jsontext.EscapeForHTML(false))
		if err != nil {
			return ""
		}
		parts = append(parts, string(b))
	}
	sum := md5.Sum([]byte(strings.Join(parts, "|"))) //nolint:gosec // see the import
	return hex.EncodeToString(sum[:])
}

// identify finds the server of a login among those known, and by the audience
// of its token. The hash decides.
func (l *remoteLogin) identify(known []remoteIdentity) bool {
	for _, k := range append(known, remoteIdentity{server: l.audience()}) {
		for _, spelling := range []string{k.server, strings.TrimSuffix(k.server, "/"), k.server + "/"} {
			k.server = spelling
			if spelling != "" && k.hash() == l.hash {
				l.identity = k
				return true
			}
		}
	}
	return false
}

// credential is what can be taken over without asking anybody.
func (l *remoteLogin) credential(key oauth.Key) (oauth.Credential, error) {
	issuer := l.tokens.Issuer
	if issuer == "" {
		issuer = l.client.Issuer
	}
	expiry := time.Time{}
	if l.tokens.ExpiresAt > 0 {
		expiry = time.UnixMilli(int64(l.tokens.ExpiresAt)).UTC()
	}
	usable := l.tokens.AccessToken != "" && (expiry.IsZero() || time.Now().Before(expiry)) || l.tokens.RefreshToken != ""
	again := "run: " + oauth.LoginCommand(key, "", "")
	switch {
	case !usable:
		return oauth.Credential{}, hint.With(errors.New("its token has ended and cannot be renewed"), again)
	case issuer == "":
		return oauth.Credential{}, hint.With(errors.New("this release of mcp-remote did not note the provider, and a token goes to no other"), again)
	case l.client.Issuer != "" && !oauth.SameIssuer(l.client.Issuer, issuer):
		return oauth.Credential{}, hint.With(errors.New("its registration and its token are of different providers"), again)
	case l.client.ClientID == "":
		return oauth.Credential{}, hint.With(errors.New("mcp-remote got its client by --static-oauth-client-info and did not keep it"), "run: "+oauth.LoginCommand(key, "", "", "--client-id", "ID"))
	}
	if err := oauth.CheckToken(oauth.NewSecret(l.tokens.AccessToken)); l.tokens.AccessToken != "" && err != nil {
		return oauth.Credential{}, hint.With(err, again)
	}
	if oauth.CheckToken(oauth.NewSecret(l.tokens.IDToken)) != nil {
		l.tokens.IDToken = ""
	}
	cred := oauth.Credential{
		Server: key.Server, Issuer: issuer, Registration: l.registration(issuer),
		AccessToken: oauth.NewSecret(l.tokens.AccessToken), RefreshToken: oauth.NewSecret(l.tokens.RefreshToken),
		IDToken: oauth.NewSecret(l.tokens.IDToken), TokenType: l.tokens.TokenType, Expiry: expiry,
		RequestedScopes: oauth.UsableScopes(strings.Fields(l.tokens.RequestedScope)), GrantedScopes: oauth.UsableScopes(strings.Fields(l.tokens.Scope)),
		Account: l.account(),
	}
	if cred.TokenType == "" {
		cred.TokenType = "Bearer"
	}
	if life := time.Duration(l.tokens.ExpiresIn * float64(time.Second)); !expiry.IsZero() && life > 0 {
		cred.ObtainedAt = expiry.Add(-life)
	}
	return cred, nil
}

func (l *remoteLogin) registration(issuer string) oauth.Registration {
	r := oauth.Registration{
		Issuer: issuer, ClientID: l.client.ClientID, ClientSecret: oauth.NewSecret(l.client.ClientSecret),
		AuthMethod: l.client.AuthMethod, Dynamic: true,
	}
	if len(l.client.RedirectURIs) > 0 {
		r.RedirectURI = l.client.RedirectURIs[0]
	}
	if l.client.SecretExpiry > 0 {
		r.SecretExpiry = time.Unix(int64(l.client.SecretExpiry), 0).UTC()
	}
	switch { // RFC 7591, section 2: the default is client_secret_basic
	case r.AuthMethod != "":
	case r.ClientSecret.IsZero():
		r.AuthMethod = "none"
	default:
		r.AuthMethod = "client_secret_basic"
	}
	return r
}

// claims reads a JSON web token without checking it: what it says decides
// nothing but a name on the screen and which addresses are tried.
func claims(token string, v any) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return
	}
	if b, err := base64.RawURLEncoding.DecodeString(parts[1]); err == nil {
		_ = json.Unmarshal(b, v)
	}
}

// audience is the address that the access token names, "" when it names none
// or several.
func (l *remoteLogin) audience() string {
	var c struct {
		Audience jsontext.Value `json:"aud"`
	}
	claims(l.tokens.AccessToken, &c)
	var one string
	var many []string
	if json.Unmarshal(c.Audience, &one) != nil && json.Unmarshal(c.Audience, &many) == nil && len(many) == 1 {
		one = many[0]
	}
	return one
}

// maxAccount bounds the name shown to people, in characters.
const maxAccount = 100

// account reads from the ID token whom to greet, "" when it does not say.
func (l *remoteLogin) account() string {
	var c struct {
		Email    string `json:"email"`
		Name     string `json:"preferred_username"`
		Username string `json:"username"`
		Subject  string `json:"sub"`
	}
	claims(l.tokens.IDToken, &c)
	for _, name := range []string{c.Email, c.Name, c.Username, c.Subject} {
		if name = strings.TrimSpace(foreign.LineOf(name, maxAccount)); name != "" {
			return name
		}
	}
	return ""
}
