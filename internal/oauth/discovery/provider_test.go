package discovery

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"mcp-login/internal/hint"
)

// What a person names is an issuer, or the address of a document that must be that
// issuer's: RFC 8414, section 3.3, backwards.
func TestProviderHasName(t *testing.T) {
	for _, tc := range []struct {
		name, issuer string
		want         bool
	}{
		{"https://idp.example", "https://idp.example/", true},
		{"https://idp.example/t", "https://idp.example/t", true},
		{"https://idp.example/t", "https://idp.example/t/", false},
		{"https://idp.example/.well-known/openid-configuration", "https://idp.example", true},
		{"https://idp.example/.well-known/oauth-authorization-server", "https://idp.example/", true},
		{"https://idp.example/.well-known/oauth-authorization-server/t/1", "https://idp.example/t/1", true},
		{"https://idp.example/.well-known/openid-configuration/t/1", "https://idp.example/t/1/", true},
		{"https://idp.example/t/1/.well-known/openid-configuration", "https://idp.example/t/1", true},
		{"https://idp.example/t/1/.well-known/oauth-authorization-server", "https://idp.example/t/1", true},
		{"https://idp.example/t/.well-known/openid-configuration?p=policy", "https://idp.example/t", true},
		{"https://idp.example/t/.well-known/openid-configuration", "https://idp.example", false},
		{"https://idp.example/.well-known/openid-configuration", "https://idp.example/t", false},
		{"https://idp.example/.well-known/openid-configuration", "http://idp.example", false},
		{"https://idp.example/.well-known/openid-configuration", "https://other.example", false},
		{"https://idp.example/t/.well-known/openid-configuration/s", "https://idp.example/t", false},
		{"https://idp.example/t/.well-known/openid-configuration/s", "https://idp.example/s", false},
		{"https://idp.example/.well-known/acme/openid-configuration", "https://idp.example", false},
		{"https://idp.example/.well-known/openid-configuration/..", "https://idp.example", false},
		{"https://idp.example/.well-known/", "https://idp.example", false},
		{"%", "https://idp.example", false},
		{"", "https://idp.example", false},
	} {
		if got := (Provider{Issuer: tc.issuer}).HasName(tc.name); got != tc.want {
			t.Errorf("%q and %q: %v", tc.name, tc.issuer, got)
		}
	}
}

// An accepted name holds where it was accepted and nowhere else, and a listed
// issuer is never read as the address of a document.
func TestAcceptedNameHoldsWhereItWasAccepted(t *testing.T) {
	const idp, tenant, alias = "https://idp.example", "https://idp.example/t", "https://other.example"
	kept := IssuerChoice{}.WithKept(Provider{idp, tenant})
	for name, tc := range map[string]struct {
		choice  IssuerChoice
		at, is  string
		foundAt string
		ok      bool
	}{
		"its own":                     {IssuerChoice{}, idp, idp, "", true},
		"its own, with a slash":       {IssuerChoice{}, idp + "/", idp, "", true},
		"another":                     {IssuerChoice{}, tenant, idp, "", false},
		"accepted":                    {IssuerChoice{Accepted: idp}, tenant, idp, tenant, true},
		"accepted, not needed":        {IssuerChoice{Accepted: idp}, idp, idp, "", true},
		"another one is accepted":     {IssuerChoice{Accepted: alias}, tenant, idp, "", false},
		"accepted to the letter":      {IssuerChoice{Accepted: idp}, tenant, idp + "/", "", false},
		"nothing is no name":          {IssuerChoice{}, tenant, "", "", false},
		"kept":                        {kept, tenant, idp, tenant, true},
		"kept for another place":      {kept, "https://idp.example/s", idp, "", false},
		"kept for another name":       {kept, tenant, alias, "", false},
		"a flag goes before the kept": {IssuerChoice{Accepted: alias}.WithKept(Provider{idp, tenant}), tenant, idp, "", false},
		"kept is no acceptance where nothing was accepted": {IssuerChoice{}.WithKept(Provider{Issuer: idp}), tenant, idp, "", false},
		"a document":                  {IssuerChoice{Named: tenant + "/.well-known/openid-configuration"}, tenant + "/.well-known/openid-configuration", tenant, "", true},
		"a document that is listed":   {IssuerChoice{}, tenant + "/.well-known/openid-configuration", tenant, "", true},
		"a document of another":       {IssuerChoice{Named: tenant + "/.well-known/openid-configuration"}, tenant + "/.well-known/openid-configuration", alias, "", false},
		"a document that is accepted": {IssuerChoice{Named: tenant + "/.well-known/openid-configuration", Accepted: alias}, tenant + "/.well-known/openid-configuration", alias, tenant + "/.well-known/openid-configuration", true},
	} {
		m := ServerMetadata{Issuer: tc.is, TokenEndpoint: idp + "/token"}
		err := tc.choice.checkIssuer(&m, tc.at, &url.URL{Scheme: "https", Host: "idp.example"})
		if (err == nil) != tc.ok || m.FoundAt != tc.foundAt {
			t.Errorf("%s: %v, found at %q", name, err, m.FoundAt)
		}
		if err == nil && !tc.choice.allowsCached(&m, tc.at) {
			t.Errorf("%s: read again a moment later", name)
		}
		if tc.foundAt != "" && (IssuerChoice{Named: tc.choice.Named}).allowsCached(&m, tc.at) {
			t.Errorf("%s: what was read is used where the name is not accepted", name)
		}
	}
}

// The hint has a flag to copy only where everything is of one site and nothing
// needs quotes; else it says what disagrees.
func TestHintOffersTheNameOnlyOfOneSite(t *testing.T) {
	const at = "https://login.example.com/t"
	for name, tc := range map[string]struct {
		change func(*ServerMetadata)
		from   string
		says   string
	}{
		"of one site":           {func(*ServerMetadata) {}, at, "--accept-issuer https://auth.example.com"},
		"another name":          {func(m *ServerMetadata) { m.Issuer = "https://auth.example.net" }, at, "it calls itself https://auth.example.net"},
		"one suffix":            {func(m *ServerMetadata) { m.Issuer = "https://com" }, at, "it calls itself"},
		"moved":                 {func(*ServerMetadata) {}, "https://login.example.net/t", "the metadata is at login.example.net"},
		"token endpoint":        {func(m *ServerMetadata) { m.TokenEndpoint = "https://evil.example.net/" }, at, "token_endpoint"},
		"registration endpoint": {func(m *ServerMetadata) { m.RegistrationEndpoint = "https://evil.example.net/" }, at, "registration_endpoint"},
		"device endpoint":       {func(m *ServerMetadata) { m.DeviceEndpoint = "https://evil.example.net/" }, at, "device_authorization_endpoint"},
		"revocation endpoint":   {func(m *ServerMetadata) { m.RevocationEndpoint = "https://evil.example.net/" }, at, "revocation_endpoint"},
		"end of the session":    {func(m *ServerMetadata) { m.EndSessionEndpoint = "https://evil.example.net/" }, at, "end_session_endpoint"},
		"plain http":            {func(m *ServerMetadata) { m.Issuer = "http://auth.example.com" }, at, "it calls itself"},
		"no address":            {func(m *ServerMetadata) { m.Issuer = "x; rm -rf ~" }, at, "it calls itself"},
		"a template":            {func(m *ServerMetadata) { m.Issuer = "https://login.example.com/{tenantid}/v2.0" }, at, "--accept-issuer with exactly"},
		"words for a shell":     {func(m *ServerMetadata) { m.Issuer = "https://login.example.com/$(id)" }, at, "--accept-issuer with exactly"},
	} {
		m := ServerMetadata{Issuer: "https://auth.example.com", AuthorizationEndpoint: at + "/auth", TokenEndpoint: at + "/token"}
		tc.change(&m)
		from, _ := url.Parse(tc.from)
		var e *hint.Error
		if err := m.issuerMismatch(at, from); !errors.As(err, &e) || !strings.Contains(e.Hint, tc.says) {
			t.Errorf("%s: %v", name, err)
		} else if strings.Contains(e.Hint, "--accept-issuer "+m.Issuer) != (name == "of one site") {
			t.Errorf("%s: %s", name, e.Hint)
		}
	}
}

// The iss of an answer is compared to the letter, also where a name was accepted. In
// a template that was accepted one segment stands for the tenant.
func TestTemplateStandsForOneTenant(t *testing.T) {
	const template = "https://login.example/{tenantid}/v2.0"
	for iss, want := range map[string]bool{
		template: true,
		"https://login.example/0a1b2c3d-0000-4000-8000-000000000000/v2.0": true,
		"https://login.example//v2.0":                                     false,
		"https://login.example/a/b/v2.0":                                  false,
		"https://login.example/a%2fb/v2.0":                                false,
		"https://login.example/../v2.0":                                   false,
		"https://login.example/a/v2.0/":                                   false,
		"https://login.example/a/v2.0?x":                                  false,
		"https://login.example/a/v1.0":                                    false,
		"https://evil.example/a/v2.0":                                     false,
		"http://login.example/a/v2.0":                                     false,
		"https://login.example":                                           false,
		"":                                                                false,
	} {
		if got := (Provider{template, "https://login.example/common/v2.0"}).Issued(iss); got != want {
			t.Errorf("%q: %v", iss, got)
		}
		if (Provider{template, ""}).Issued(iss) != (iss == template) {
			t.Errorf("%q: a template that nobody has accepted", iss)
		}
	}
	for _, name := range []string{"https://{host}.example/v2.0", "https://{host}/v2.0", "{scheme}://login.example/v2.0", "https://login.example/x{y}/v2.0", "https://login.example/{x}{y}/v2.0"} {
		for _, iss := range []string{"https://evil.example/v2.0", "https://evil/v2.0", "javascript://login.example/v2.0", "https://login.example/xevil/v2.0", "https://login.example/evil/v2.0"} {
			if (Provider{name, "https://a.example"}).Issued(iss) {
				t.Errorf("%s takes %s", name, iss)
			}
		}
	}
}

// Whatever is accepted by the kindness of these comparisons stays on its host.
func FuzzIssuerNames(f *testing.F) {
	for _, s := range [][2]string{
		{"https://a.example/t/.well-known/openid-configuration", "https://a.example/t"},
		{"https://a.example/.well-known/oauth-authorization-server/t", "https://a.example/t/"},
		{"https://a.example/{tenantid}/v2.0", "https://a.example/x/v2.0"},
		{"https://a.example", "https://a.example/"},
		{"//a/{b}", "//a/c"},
		{"https://{a}/", "https://b/"},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if a == b {
			return
		}
		one, err1 := url.Parse(a)
		other, err2 := url.Parse(b)
		apart := err1 != nil || err2 != nil || one.Scheme != other.Scheme || one.Host != other.Host
		if (Provider{Issuer: b}).HasName(a) && apart {
			t.Errorf("%q names %q", a, b)
		}
		if (Provider{a, "https://x.example"}).Issued(b) && (!strings.Contains(a, "{") || err2 == nil && apart && err1 == nil) {
			t.Errorf("%q is from %q", b, a)
		}
		if SameIssuer(a, b) != SameIssuer(b, a) {
			t.Errorf("%q and %q are the same in one direction", a, b)
		}
	})
}
