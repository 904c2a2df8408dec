package interop

import (
	"encoding/json"
	"maps"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// What tokens, keys and discovery look like (RFC 9068, OpenID Connect Core
// section 2, RFC 7517, OpenID Connect Discovery, RFC 8414).
var formRows = []row{
	{
		name: "access token for a resource",
		want: "200 alg:ES384 aud:http://localhost:8080/mcp client_id:native exp iat iss jti kid scope:mcp:read sub typ:at+jwt",
		play: func(p *party) answer {
			return opened(p, p.well(spend(theResource, "openid mcp:read")(p)).text("access_token"))
		},
	},
	{
		name: "access token for a resource without scope",
		want: "200 alg:ES384 aud:http://localhost:8080/mcp client_id:native exp iat iss jti kid sub typ:at+jwt",
		play: func(p *party) answer {
			return opened(p, p.well(spend(theResource, "openid")(p)).text("access_token"))
		},
	},
	{
		name: "access token of a client",
		want: "200 alg:ES384 aud:http://localhost:8080/mcp client_id:m2m-basic exp iat iss jti kid scope:mcp:read sub typ:at+jwt",
		play: func(p *party) answer {
			return opened(p, p.well(machine("m2m-basic", "resource", theResource, "scope", "mcp:read")(p)).text("access_token"))
		},
	},
	{
		name: "subject of a client's token",
		want: "200 scope:m2m-basic",
		play: func(p *party) answer {
			a := opened(p, p.well(machine("m2m-basic", "resource", theResource)(p)).text("access_token"))
			return answer{status: a.status, members: map[string]any{"scope": a.members["sub"]}}
		},
	},
	{
		name: "ID token",
		want: "200 alg:ES384 aud:native exp iat iss kid nonce sub",
		play: func(p *party) answer {
			return opened(p, p.well(p.exchange(p.code("nonce", "n"))).text("id_token"))
		},
	},
	{
		name: "ID token of a refresh",
		want: "200 alg:ES384 aud:native exp iat iss kid sub",
		play: func(p *party) answer {
			return opened(p, p.well(p.refresh(p.login().text("refresh_token"))).text("id_token"))
		},
	},
	{
		name: "keys",
		want: "200 alg:ES384 crv:P-384 kid kty:EC use:sig x y",
		play: func(p *party) answer {
			a, body := p.send(once(nil), "GET", p.endpoint("jwks_uri"), nil, nil)
			return answer{status: a.status, members: firstKey(p, body)}
		},
	},
	{
		name: "discovery by OpenID",
		want: "200 authorization_endpoint authorization_response_iss_parameter_supported client_id_metadata_document_supported code_challenge_methods_supported device_authorization_endpoint dpop_signing_alg_values_supported end_session_endpoint grant_types_supported introspection_endpoint issuer jwks_uri pushed_authorization_request_endpoint registration_endpoint revocation_endpoint token_endpoint token_endpoint_auth_methods_supported userinfo_endpoint",
		play: discovery("/oidc/.well-known/openid-configuration"),
	},
	{
		name: "discovery by RFC 8414, appended",
		want: "200 authorization_endpoint authorization_response_iss_parameter_supported client_id_metadata_document_supported code_challenge_methods_supported device_authorization_endpoint dpop_signing_alg_values_supported end_session_endpoint grant_types_supported introspection_endpoint issuer jwks_uri pushed_authorization_request_endpoint registration_endpoint revocation_endpoint token_endpoint token_endpoint_auth_methods_supported userinfo_endpoint",
		play: discovery("/oidc/.well-known/oauth-authorization-server"),
	},
	{
		name: "discovery by RFC 8414, inserted",
		want: "404",
		play: discovery("/.well-known/oauth-authorization-server/oidc"),
	},
	{
		name: "discovery by OpenID, inserted",
		want: "404",
		play: discovery("/.well-known/openid-configuration/oidc"),
	},
	{
		name: "discovery at the root",
		want: "404",
		play: discovery("/.well-known/oauth-authorization-server"),
	},
}

// opened is a JWT as an answer: header and claims as members.
func opened(p *party, token string) answer {
	p.Helper()
	claims := jwt.MapClaims{}
	t, _, err := jwt.NewParser().ParseUnverified(token, claims)
	if err != nil {
		p.Fatal(err)
	}
	members := maps.Clone(t.Header)
	maps.Copy(members, claims)
	return answer{status: 200, members: members}
}

// discovery is the metadata at a path of the host, cut down to the members that
// an MCP client reads.
func discovery(path string) func(*party) answer {
	return func(p *party) answer {
		a := p.get(strings.TrimSuffix(p.issuer, "/oidc") + path)
		maps.DeleteFunc(a.members, func(name string, _ any) bool {
			return !strings.HasSuffix(name, "_endpoint") && !strings.HasSuffix(name, "_uri") && name != "issuer" && name != "code_challenge_methods_supported" &&
				name != "authorization_response_iss_parameter_supported" && name != "client_id_metadata_document_supported" &&
				name != "grant_types_supported" && name != "dpop_signing_alg_values_supported" && name != "token_endpoint_auth_methods_supported"
		})
		return a
	}
}

// firstKey of a key set.
func firstKey(p *party, body string) map[string]any {
	p.Helper()
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	if err := json.Unmarshal([]byte(body), &set); err != nil || len(set.Keys) != 1 {
		p.Fatalf("%d keys, %v", len(set.Keys), err)
	}
	return set.Keys[0]
}
