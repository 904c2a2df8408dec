package cli

import (
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"mcp-login/internal/account"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/loopback"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func page(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// flags returns the flags that people see of a command and those below it, but
// for the commands named.
func flags(c *cobra.Command, but ...string) map[string]bool {
	all := map[string]bool{"help": true, "version": true}
	for _, one := range append(c.Commands(), c) {
		if slices.Contains(but, one.Name()) {
			continue
		}
		one.Flags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden {
				all[f.Name] = true
			}
		})
	}
	return all
}

// Every flag is in the list of flags, and every flag that the pages on signing in
// and on variables name exists.
func TestFlagsInTheDocs(t *testing.T) {
	root := newRoot(&app{getenv: env()})
	real := flags(root)
	listed := page(t, "docs/environment.md")
	// docs/clients.md and docs/coming-from-mcp-remote.md are about these two.
	for name := range flags(root, "config", "import") {
		if name != "help" && name != "version" && !strings.Contains(listed, "--"+name) {
			t.Errorf("docs/environment.md does not name --%s", name)
		}
	}
	flag := regexp.MustCompile("`[^`]*--([a-z][a-z0-9-]*)")
	for _, name := range []string{"docs/environment.md", "docs/signing-in.md", "docs/troubleshooting.md", "docs/storage.md", "README.md"} {
		for _, m := range flag.FindAllStringSubmatch(page(t, name), -1) {
			if !real[m[1]] && !slices.Contains([]string{"dev", "jwt-only", "issuer", "listen", "delete"}, m[1]) {
				t.Errorf("%s names --%s, which does not exist", name, m[1])
			}
		}
	}
}

// The client ID metadata document that we ship is one (draft-ietf-oauth-client-id-
// metadata-document): its redirect URIs are those we listen at, with
// the port left to us (RFC 8252, section 7.3), and it asks for refresh tokens.
func TestClientMetadataDocumentIsWhatWeRegister(t *testing.T) {
	var doc struct {
		ID        string   `json:"client_id"`
		Name      string   `json:"client_name"`
		Redirects []string `json:"redirect_uris"`
		Grants    []string `json:"grant_types"`
		Method    string   `json:"token_endpoint_auth_method"`
		Type      string   `json:"application_type"`
	}
	if err := json.Unmarshal([]byte(page(t, "docs/client-metadata.json")), &doc); err != nil {
		t.Fatal(err)
	}
	id, err := url.Parse(doc.ID)
	if err != nil || id.Scheme != "https" || len(id.Path) < 2 || doc.Name == "" || doc.Method != "none" || doc.Type != "native" {
		t.Errorf("%+v", doc)
	}
	if !slices.Equal(doc.Grants, []string{"authorization_code", "refresh_token"}) {
		t.Errorf("grants %q", doc.Grants)
	}
	for _, host := range []string{"127.0.0.1", "localhost", "::1"} {
		where, err := account.CallbackOf(oauth.Choices{CallbackHost: host}, "")
		if err != nil {
			t.Fatal(err)
		}
		redirect, err := where.Listen(t.Context(), loopback.Options{})
		if err != nil {
			t.Log(err) // a machine without IPv6
			continue
		}
		u, _ := url.Parse(redirect.URI())
		_ = redirect.Close()
		u.Host = strings.TrimSuffix(u.Host, ":"+u.Port())
		if !slices.Contains(doc.Redirects, u.String()) {
			t.Errorf("%s is not among %q", u, doc.Redirects)
		}
	}
}

// README's steps alone end with whoami's four claims: the script for Logto's console that
// adds them stands there and on the page, with all of them.
func TestLogtoScriptInTheDocs(t *testing.T) {
	script := func(name string) string {
		_, rest, _ := strings.Cut(page(t, name), "   ```js\n")
		text, _, found := strings.Cut(rest, "   ```\n")
		if !found {
			t.Errorf("%s has no script", name)
		}
		return text
	}
	readme := script("README.md")
	if readme != script("docs/logto.md") {
		t.Error("two scripts")
	}
	for _, claim := range []string{"username: context.user.username", "name: context.user.name", "email: context.user.primaryEmail"} {
		if !strings.Contains(readme, " "+claim+",\n") {
			t.Errorf("the script does not return %s", claim)
		}
	}
	for _, trap := range []string{"Input-limited app / CLI", "Device flow (e.g., TVs, CLI)", "Create app without framework"} {
		for _, name := range []string{"README.md", "docs/logto.md"} {
			if !strings.Contains(strings.Join(strings.Fields(page(t, name)), " "), trap) {
				t.Errorf("%s does not name %q", name, trap)
			}
		}
	}
}
