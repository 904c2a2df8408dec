package hints

import (
	"fmt"
	"net/http"
	"strings"

	"mcp-login/internal/devidp"
)

// called is a provider whose metadata, answers and tokens have another name than the
// address that leads to it.
func called(name string) func(*devidp.Config) {
	return func(c *devidp.Config) {
		c.Faults.MetadataMembers, c.Faults.RedirectParameters = map[string]any{"issuer": name}, map[string]string{"iss": name}
	}
}

// lost is a server whose challenge leads to no document, and loops one whose document
// is never reached.
func lost(w *world) http.Handler {
	return says(401, "", "WWW-Authenticate", `Bearer resource_metadata="`+w.url+`/none"`)
}

func loops(rw http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/.well-known/oauth-protected-resource") {
		http.Redirect(rw, r, r.URL.Path, http.StatusFound)
		return
	}
	if strings.HasPrefix(r.URL.Path, "/.well-known/") {
		rw.WriteHeader(http.StatusNotFound)
		return
	}
	rw.WriteHeader(http.StatusUnauthorized)
}

// unpublished asks for a sign-in and publishes nothing.
func unpublished(rw http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasPrefix(r.URL.Path, "/.well-known/"):
		rw.WriteHeader(http.StatusNotFound)
	case r.Header.Get("Authorization") == "":
		rw.WriteHeader(http.StatusUnauthorized)
	default:
		plain(rw, r)
	}
}

// ofMetadata are the hints about what servers and providers publish.
func ofMetadata() []row {
	const (
		login, doctor = `mcp-login login $URL`, `mcp-login doctor $URL`
		same          = "both must be the same (RFC 8414, section 3.3)"
		document      = `"$ISSUER/.well-known/openid-configuration?a=1&b=2"`
	)
	plainOnly := metadata(map[string]any{"code_challenge_methods_supported": []string{"plain"}})
	other := lists(func(*world) string { return "https://login.example.com" })
	many := published(func(_ *world, document map[string]any) {
		var scopes []string
		for i := range 1000 {
			scopes = append(scopes, fmt.Sprintf("read:things-of-kind-%d", i))
		}
		document["scopes_supported"] = scopes
	})
	return []row{
		// What a document calls itself.
		{hint: same + "; if this is the provider, accept the name for this account, with: --accept-issuer …", lab: called("http://127.0.0.1/oidc"), serve: trusting, when: login, does: `mcp-login login --accept-issuer http://127.0.0.1/oidc $URL`, then: `mcp-login token $URL`},
		{hint: same + "; if this is the provider, accept the name: --accept-issuer with exactly what it calls itself, in quotes", lab: called("http://127.0.0.1/{tenant}/v2.0"), serve: trusting, when: login, does: `mcp-login login --accept-issuer 'http://127.0.0.1/{tenant}/v2.0' $URL`, then: `mcp-login token $URL`},
		{hint: same + ", and they are not even of one site: the metadata is at …, …; ask the server's operator, and only if the provider is known to be like that, accept its name with --accept-issuer, letter by letter", lab: called("https://login.example.com"), serve: trusting, when: login, does: `mcp-login login --accept-issuer https://login.example.com $URL`, then: `mcp-login token $URL`},
		{hint: "this is a fault of the provider (RFC 8414, section 2, requires issuer): tell its operator", lab: metadata(map[string]any{"issuer": nil}), when: login, mend: mended, does: login},
		// Where it is.
		{hint: "is the issuer in the MCP server's metadata right, and does the provider answer?", serve: lists(func(w *world) string { return w.idp.Issuer() + "/wrong" }), when: login, mend: mended, does: login},
		{hint: "can … be reached from here? Else its operator has to look at its metadata (RFC 8414)", lab: metadata(map[string]any{"token_endpoint": nil}), when: doctor, mend: mended, does: doctor},
		{hint: "to find out why, run: mcp-login … (signInError)", lab: metadata(map[string]any{"token_endpoint": nil}), when: `mcp-login tools $URL`, still: "has no token_endpoint"},
		{hint: "can it be reached from here?", lab: func(c *devidp.Config) {
			applications(c)
			metadata(map[string]any{"authorization_endpoint": "http://127.0.0.1:9/auth"})(c)
		}, when: `mcp-login doctor --client-id native $URL`, mend: mended, does: `mcp-login doctor --client-id native $URL`},
		{hint: "this is a fault of the server: tell its operator that resource_metadata in WWW-Authenticate points nowhere", serve: lost, when: login, mend: mended, does: login},
		{hint: "the server's operator has to look at its protected-resource metadata (RFC 9728)", site: http.HandlerFunc(loops), when: doctor, mend: mended, does: doctor},
		{hint: "the server's operator has to publish protected-resource metadata (RFC 9728); or name the provider, with --issuer", site: http.HandlerFunc(unpublished), when: doctor, does: `mcp-login doctor --issuer $ISSUER $URL`, then: `mcp-login login --issuer $ISSUER $URL`},
		// What it lacks, and what there is too much of.
		{hint: "this is a fault of the server (RFC 9728 requires the member); …", serve: published(func(_ *world, document map[string]any) { delete(document, "resource") }), when: login, does: `mcp-login login --resource $URL $URL`, then: `mcp-login login --profile a --no-resource $URL`},
		{hint: "ask its operator to support S256 and to publish it in code_challenge_methods_supported", lab: plainOnly, when: login, mend: mended, does: login},
		{hint: "ask its operator to support S256", lab: plainOnly, when: doctor, mend: mended, does: doctor},
		{hint: "choose the scopes that are needed with --scope", serve: many, when: login, does: `mcp-login login --scope openid $URL`},
		// Whom to trust.
		{hint: "if this server is to be used with that provider all the same, say so for it alone, with --issuer", serve: other, when: `export MCP_LOGIN_ISSUER=$ISSUER; mcp-login doctor $URL`, does: `mcp-login doctor --issuer $ISSUER $URL`},
		{hint: "nothing was sent there; if this server is to be used with that provider all the same, say so for it alone…", serve: other, when: `export MCP_LOGIN_ISSUER=$ISSUER; mcp-login login $URL`, does: `mcp-login login --issuer $ISSUER $URL`},
		{hint: "…--issuer with its exact address", serve: other, when: `export MCP_LOGIN_ISSUER=` + document + `; mcp-login login $URL`, does: `mcp-login login --issuer ` + document + ` $URL`},
		{
			hint: "if the provider is meant to be in your network, or on this machine, name it: --issuer with its address",
			lab: func(c *devidp.Config) {
				c.Resources = append(c.Resources, devidp.Resource{Indicator: "https://example.com/mcp"})
			},
			serve: farServer, when: viaProxy + `mcp-login login --ca-file $CA https://example.com/mcp`, does: viaProxy + `mcp-login login --ca-file $CA --issuer $ISSUER https://example.com/mcp`,
		},
		{
			hint: "if this is the provider where the client is registered…",
			lab: func(c *devidp.Config) {
				applications(c)
				c.Faults.RedirectParameters = map[string]string{"iss": "https://example.com"}
			},
			serve: farProvider, when: viaProxy + secret + `mcp-login login --ca-file $CA --client-id confidential $URL`, does: viaProxy + secret + `mcp-login login --ca-file $CA --client-id confidential --issuer https://example.com $URL`,
		},
	}
}
