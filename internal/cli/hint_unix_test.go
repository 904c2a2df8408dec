//go:build unix

package cli

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"mcp-login/internal/oauth"
)

// A hint can be copied into a shell, and leads to the account that it is about.
func TestLoginCommandLeadsToTheAccount(t *testing.T) {
	for _, key := range []oauth.Key{
		{Server: "https://example.com/mcp"},
		{Server: "http://example.com/mcp?a=b&c='d'"},
		{Server: "http://127.0.0.1:8080/mcp", Profile: "my work's $(id)", Scopes: oauth.NoScopes()},
		{Server: "https://example.com/mcp", Issuer: "https://login.example.com/a b", ClientID: "native;app", Scopes: []string{"read", "write:*"}, Resource: oauth.NoResource},
		{Server: "https://example.com/mcp", ClientID: "c", Grant: oauth.GrantClientCredentials, Resource: "https://example.com/", Params: []string{"prompt=login", "x=\"`\n"}},
	} {
		const accepted = "https://login.example.com/{tenantid}/v2.0"
		line := oauth.Command("login", key, key.Issuer, accepted)
		args, ok := strings.CutPrefix(line, "mcp-login login ")
		out, err := exec.Command("/bin/sh", "-c", `printf '%s\000' `+args).Output()
		if !ok || err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		var o options
		f := pflag.NewFlagSet("login", pflag.ContinueOnError)
		o.register(f, func(string) string { return "" })
		if err := f.Parse(strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if err := o.resolve(f); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		server, err := oauth.CanonicalServer(f.Arg(0), o.allowHTTP)
		if err != nil || f.NArg() != 1 {
			t.Fatalf("%s: %v", line, err)
		}
		if got := o.Key(server); got.ID() != key.ID() || (got.Scopes != nil) != (key.Scopes != nil) || o.Accepted != accepted {
			t.Errorf("%s: %+v", line, got)
		}
		if strings.Count(line, "--issuer") > 1 {
			t.Errorf("%s: one issuer, twice", line)
		}
	}
}
