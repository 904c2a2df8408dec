package cli

import (
	"crypto/md5"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mcp-login/internal/oauth"
	"mcp-login/internal/store"
)

// importLab is a provider and a server of metadata only, and mcp-remote's
// folder.
type importLab struct {
	t              *testing.T
	url, issuer    string
	certificate    *x509.Certificate // with which it answers, nil for none
	folder, dir    string
	home           string
	metadataIssuer string // what the provider calls itself
	trusts         string // the provider that the server names
}

func newImportLab(t *testing.T, start func(http.Handler) *httptest.Server) *importLab {
	l := &importLab{t: t, folder: t.TempDir(), dir: filepath.Join(t.TempDir(), "state"), home: t.TempDir()}
	mux := http.NewServeMux()
	srv := start(mux)
	t.Cleanup(srv.Close)
	l.certificate = srv.Certificate()
	l.url, l.issuer = srv.URL+"/mcp", srv.URL+"/oidc"
	l.metadataIssuer, l.trusts = l.issuer, l.issuer
	mux.HandleFunc("GET /oidc/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"issuer":%q,"token_endpoint":"%s/token","revocation_endpoint":"%s/revoke"}`, l.metadataIssuer, l.issuer, l.issuer)
	})
	mux.HandleFunc("GET /.well-known/oauth-protected-resource/mcp", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"resource":%q,"authorization_servers":[%q]}`, l.url, l.trusts)
	})
	t.Setenv("HOME", l.home)
	t.Setenv("USERPROFILE", l.home)
	return l
}

// put writes one file of mcp-remote's for the server of the lab.
func (l *importLab) put(layout, name, content string) string {
	l.t.Helper()
	path := filepath.Join(l.folder, layout, fmt.Sprintf("%x_%s", md5.Sum([]byte(l.url)), name)) // as mcp-remote names it
	must(l.t, os.MkdirAll(filepath.Dir(path), 0o700))
	must(l.t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func (l *importLab) good(layout string) {
	l.put(layout, "client_info.json", fmt.Sprintf(`{"client_id":"c1","client_secret":"s3cret","redirect_uris":["http://localhost:3335/oauth/callback"],"issuer":%q}`, l.issuer))
	l.put(layout, "tokens.json", fmt.Sprintf(`{"access_token":"CANARY-a","refresh_token":"CANARY-r","token_type":"Bearer","expires_in":3600,"expires_at":%d,"scope":"openid","requested_scope":"openid email","issuer":%q}`, time.Now().Add(time.Hour).UnixMilli(), l.issuer))
}

// run runs the import with a plain store and returns the exit code and all
// that was said.
func (l *importLab) run(args ...string) (int, string) {
	l.t.Helper()
	return l.runWith(nil, args...)
}

// runWith is run with further variables.
func (l *importLab) runWith(variables []string, args ...string) (int, string) {
	l.t.Helper()
	code, out, said := runWith(l.t, "", append([]string{"import", "mcp-remote"}, args...),
		append(variables, "HOME", l.home, "USERPROFILE", l.home, "MCP_LOGIN_DIR", l.dir, "MCP_LOGIN_STORE", "file", "MCP_REMOTE_CONFIG_DIR", l.folder)...)
	if all := out + said; strings.Contains(all, "CANARY") || strings.Contains(all, "s3cret") {
		l.t.Errorf("a secret was said: %s", all)
	}
	return code, out + said
}

func (l *importLab) stored() (oauth.Credential, error) {
	l.t.Helper()
	s, err := store.Open(store.Options{Dir: l.dir, Kind: store.KindFile})
	must(l.t, err)
	return s.Load(l.t.Context(), oauth.Key{Server: l.url})
}

// All that a later refresh needs is taken over, and what cannot be known from
// mcp-remote's files comes from the provider itself.
func TestImportTakesOverWhatARefreshNeeds(t *testing.T) {
	for _, layout := range []string{"mcp-remote-v1", "mcp-remote-0.1.38"} {
		l := newImportLab(t, httptest.NewServer)
		l.good(layout)
		if code, said := l.run(l.url); code != exitOK || !strings.Contains(said, "took over") {
			t.Fatalf("%s: %d %s", layout, code, said)
		}
		cred, err := l.stored()
		must(t, err)
		r := cred.Registration
		if cred.Issuer != l.issuer || cred.TokenEndpoint != l.issuer+"/token" || cred.RevocationEndpoint != l.issuer+"/revoke" || cred.Resource != l.url ||
			cred.AccessToken.Reveal() != "CANARY-a" || cred.RefreshToken.Reveal() != "CANARY-r" || !cred.Fresh(time.Now()) ||
			cred.Expiry.Sub(cred.ObtainedAt) != time.Hour || strings.Join(cred.RequestedScopes, " ") != "openid email" ||
			r.ClientID != "c1" || r.ClientSecret.Reveal() != "s3cret" || r.AuthMethod != "client_secret_basic" || r.Issuer != l.issuer || !r.Dynamic {
			t.Errorf("%s: %+v", layout, cred)
		}
		if code, said := l.run(l.url); code != exitOK || !strings.Contains(said, "already signed in") {
			t.Errorf("%s, again: %d %s", layout, code, said)
		}
	}
}

// What is not taken over, why, and that nothing is kept or removed then, not
// even with --delete.
func TestARefusedImportKeepsAndRemovesNothing(t *testing.T) {
	tokens := func(l *importLab, expires time.Duration, refresh, issuer string) {
		l.put("mcp-remote-v1", "tokens.json", fmt.Sprintf(`{"access_token":"CANARY-a","refresh_token":%q,"expires_at":%d,"issuer":%q}`, refresh, time.Now().Add(expires).UnixMilli(), issuer))
	}
	for name, tc := range map[string]struct {
		spoil func(l *importLab)
		code  int
		said  string
	}{
		"ended":         {func(l *importLab) { tokens(l, -time.Hour, "", l.issuer) }, exitFailure, "cannot be renewed"},
		"no token":      {func(l *importLab) { l.put("mcp-remote-v1", "tokens.json", "{}") }, exitFailure, "cannot be renewed"},
		"two providers": {func(l *importLab) { tokens(l, time.Hour, "CANARY-r", "https://other.example") }, exitFailure, "different providers"},
		"no client":     {func(l *importLab) { l.put("mcp-remote-v1", "client_info.json", "{}") }, exitFailure, "--static-oauth-client-info"},
		"no provider": {func(l *importLab) {
			tokens(l, time.Hour, "", "")
			l.put("mcp-remote-v1", "client_info.json", `{"client_id":"c"}`)
		}, exitFailure, "did not note the provider"},
		"provider of another name":  {func(l *importLab) { l.metadataIssuer = "https://other.example" }, exitFailure, "calls itself https://other.example"},
		"server trusts another one": {func(l *importLab) { l.trusts = "https://other.example" }, exitFailure, "trusts another provider"},
		"damaged":                   {func(l *importLab) { l.put("mcp-remote-v1", "tokens.json", `{"access_token":"CANARY`) }, exitFailure, "is not what mcp-remote writes"},
		"told twice":                {func(l *importLab) { l.put("mcp-remote-v1", "tokens.json", `{"issuer":"a","issuer":"b"}`) }, exitFailure, "is not what mcp-remote writes"},
		"plain http": {func(l *importLab) {
			l.put("mcp-remote-v1", "client_info.json", `{"client_id":"c","issuer":"http://idp.example"}`)
			tokens(l, time.Hour, "", "http://idp.example")
		}, exitFailure, "neither https nor http on loopback"},
		"nobody answers": {func(l *importLab) {
			l.put("mcp-remote-v1", "client_info.json", `{"client_id":"c","issuer":"http://127.0.0.1:1"}`)
			tokens(l, time.Hour, "", "http://127.0.0.1:1")
		}, exitUnreachable, "nothing was changed"},
	} {
		l := newImportLab(t, httptest.NewServer)
		l.good("mcp-remote-v1")
		tc.spoil(l)
		before, _ := filepath.Glob(filepath.Join(l.folder, "*", "*"))
		code, said := l.run(l.url, "--delete")
		if code != tc.code || !strings.Contains(said, tc.said) {
			t.Errorf("%s: %d %s", name, code, said)
		}
		if _, err := l.stored(); err == nil {
			t.Errorf("%s: kept all the same", name)
		}
		if after, _ := filepath.Glob(filepath.Join(l.folder, "*", "*")); len(after) != len(before) {
			t.Errorf("%s: removed from %v to %v", name, before, after)
		}
	}
}

// A provider whose certificate an authority of the company has signed is asked as by
// every other verb.
func TestImportTrustsTheAuthoritiesThatVariablesName(t *testing.T) {
	for _, variable := range []string{"MCP_LOGIN_CA_FILE", "NODE_EXTRA_CA_CERTS"} {
		l := newImportLab(t, httptest.NewTLSServer)
		l.good("mcp-remote-v1")
		file := filepath.Join(t.TempDir(), "ca.pem")
		must(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: l.certificate.Raw}), 0o600))
		if code, said := l.runWith([]string{variable, file}, l.url); code != exitOK || !strings.Contains(said, "took over") {
			t.Errorf("%s: %d %s", variable, code, said)
		}
	}
}

// The server comes from the configuration of a client; without any it is
// asked for, and other people's files in the folder are left alone.
func TestImportFindsTheServer(t *testing.T) {
	l := newImportLab(t, httptest.NewServer)
	l.good("mcp-remote-v1")
	if code, said := l.run(); code != exitOK || !strings.Contains(said, "is not known") || !strings.Contains(said, "mcp-login import mcp-remote URL") {
		t.Errorf("%d %s", code, said)
	}
	stranger := filepath.Join(l.folder, "mcp-remote-v1", "notes.txt")
	must(t, os.WriteFile(stranger, nil, 0o600))
	cursor := filepath.Join(l.home, ".cursor", "mcp.json")
	must(t, os.MkdirAll(filepath.Dir(cursor), 0o700))
	must(t, os.WriteFile(cursor, fmt.Appendf(nil, `{"mcpServers":{"x":{"command":"npx","args":["-y","mcp-remote",%q]}}}`, l.url), 0o600))
	if code, said := l.run("--delete"); code != exitOK || !strings.Contains(said, "took over") || !strings.Contains(said, "removed 2 plain files") {
		t.Errorf("%d %s", code, said)
	}
	if left, _ := filepath.Glob(filepath.Join(l.folder, "*", "*")); len(left) != 1 || left[0] != stranger {
		t.Errorf("left: %v", left)
	}
	if code, said := l.run("--store", "memory"); code != exitUsage {
		t.Errorf("%d %s", code, said)
	}
}
