package interop

import (
	"net/http"
	"net/url"
	"time"
)

// How clients prove who they are (RFC 6749 sections 2.3 and 4.4).
var clientRows = []row{
	{
		name: "public",
		want: "200 access_token:opaque expires_in:3600 id_token scope:openid token_type:Bearer",
		play: exchangeAs("spa"),
	},
	{
		name: "client_secret_basic",
		want: "200 access_token:opaque expires_in:3600 id_token scope:openid token_type:Bearer",
		play: exchangeAs("basic"),
	},
	{
		name: "client_secret_post",
		want: "200 access_token:opaque expires_in:3600 id_token scope:openid token_type:Bearer",
		play: exchangeAs("post"),
	},
	{
		name: "wrong secret by header",
		want: "401 invalid_client error_description WWW-Authenticate:Basic",
		play: basic("basic", "wrong"),
	},
	{
		name: "wrong secret in the form",
		want: "401 invalid_client error_description",
		play: form("client_id", "post", "client_secret", "wrong"),
	},
	{
		name: "no secret",
		want: "401 invalid_client error_description",
		play: form("client_id", "basic"),
	},
	{
		name: "empty secret",
		want: "401 invalid_client error_description",
		play: form("client_id", "basic", "client_secret", ""),
	},
	{
		name: "empty secret by header",
		want: "400 invalid_request error_description",
		play: basic("native", ""),
	},
	{
		name: "secret by header of a public client",
		want: "401 invalid_client error_description WWW-Authenticate:Basic",
		play: basic("native", "x"),
	},
	{
		name: "secret in the form of a public client",
		want: "401 invalid_client error_description",
		play: form("client_id", "native", "client_secret", "x"),
	},
	{
		name: "the form, where the header is registered",
		want: "400 invalid_grant error_description",
		play: func(p *party) answer {
			return form("client_id", "basic", "client_secret", p.client("basic").Secret)(p)
		},
	},
	{
		name: "the header, where the form is registered",
		want: "400 invalid_grant error_description",
		play: func(p *party) answer { return basic("post", p.client("post").Secret)(p) },
	},
	{
		name: "header and form",
		want: "400 invalid_request error_description",
		play: func(p *party) answer {
			return basic("basic", p.client("basic").Secret, "client_secret", p.client("basic").Secret)(p)
		},
	},
	{
		name: "two clients",
		want: "400 invalid_request error_description",
		play: func(p *party) answer { return basic("basic", p.client("basic").Secret, "client_id", "post")(p) },
	},
	{
		name: "the same client twice",
		want: "400 invalid_grant error_description",
		play: func(p *party) answer { return basic("basic", p.client("basic").Secret, "client_id", "basic")(p) },
	},
	{
		name: "unknown client",
		want: "401 invalid_client error_description",
		own:  "400 invalid_client error_description", because: "Logto section 3: an unknown client is a 400",
		play: form("client_id", "nobody"),
	},
	{
		name: "unknown client by header",
		want: "401 invalid_client error_description WWW-Authenticate:Basic",
		own:  "400 invalid_client error_description", because: "Logto section 3: an unknown client is a 400",
		play: basic("nobody", "x"),
	},
	{
		name: "no client",
		want: "400 invalid_request error_description",
		play: form(),
	},
	{
		name: "another scheme in the header",
		want: "400 invalid_request error_description",
		play: func(p *party) answer { return withHeader(p, "Bearer x") },
	},
	{
		name: "Basic that is no base64",
		want: "400 invalid_request error_description",
		play: func(p *party) answer { return withHeader(p, "Basic !") },
	},

	{
		name: "client_credentials by basic",
		want: "200 access_token:jwt expires_in:3600 scope:mcp:read token_type:Bearer",
		play: machine("m2m-basic", "resource", theResource, "scope", "mcp:read"),
	},
	{
		name: "client_credentials by post",
		want: "200 access_token:jwt expires_in:3600 scope:mcp:read token_type:Bearer",
		play: machine("m2m-post", "resource", theResource, "scope", "mcp:read"),
	},
	{
		name: "client_credentials by private_key_jwt",
		want: "200 access_token:jwt expires_in:3600 scope:mcp:read mcp:write token_type:Bearer",
		play: machine("m2m-key", "resource", theResource, "scope", "mcp:read mcp:write"),
	},
	{
		name: "client_credentials without scope",
		want: "200 access_token:jwt expires_in:3600 token_type:Bearer",
		play: machine("m2m-basic", "resource", theResource),
	},
	{
		name: "client_credentials with unknown scope",
		want: "200 access_token:jwt expires_in:3600 token_type:Bearer",
		play: machine("m2m-basic", "resource", theResource, "scope", "mcp:admin"),
	},
	{
		name: "client_credentials with openid",
		want: "200 access_token:jwt expires_in:3600 scope:mcp:read token_type:Bearer",
		play: machine("m2m-basic", "resource", theResource, "scope", "openid offline_access mcp:read"),
	},
	{
		name: "client_credentials without resource",
		want: "200 access_token:opaque expires_in:3600 token_type:Bearer",
		own:  "400 invalid_target error_description", because: "Logto section 6: a machine must name its resource",
		play: machine("m2m-basic"),
	},
	{
		name: "client_credentials, unknown resource",
		want: "400 invalid_target error_description",
		play: machine("m2m-basic", "resource", theResource+"/"),
	},
	{
		name: "client_credentials, relative resource",
		want: "400 invalid_target error_description",
		play: machine("m2m-basic", "resource", "mcp"),
	},
	{
		name: "client_credentials, two resources",
		want: "400 invalid_target error_description",
		play: func(p *party) answer {
			form, change := p.as("m2m-basic", url.Values{"grant_type": {"client_credentials"}, "resource": {theResource, otherResource}})
			a, _ := p.send(once(nil), http.MethodPost, p.endpoint("token_endpoint"), form, change)
			return a
		},
	},
	{
		name: "client_credentials not allowed",
		want: "400 invalid_request error_description",
		play: machine("basic", "resource", theResource),
	},
	{
		name: "client_credentials of a public client",
		want: "400 invalid_request error_description",
		play: machine("native", "resource", theResource),
	},
	{
		name: "client_credentials, wrong secret",
		want: "401 invalid_client error_description WWW-Authenticate:Basic",
		play: basic("m2m-basic", "wrong", "grant_type", "client_credentials", "resource", theResource),
	},
	{
		name: "a login of a client_credentials client",
		want: "400 invalid_redirect_uri error_description iss state:state",
		play: login("client_id", "m2m-basic"),
	},
}

// Assertions (RFC 7523 sections 2.2 and 3).
var assertionRows = []row{
	{
		name: "for the issuer",
		want: "200 access_token:jwt expires_in:3600 token_type:Bearer",
		play: asserted(nil),
	},
	{
		name: "for the token endpoint",
		want: "200 access_token:jwt expires_in:3600 token_type:Bearer",
		play: func(p *party) answer { return asserted(map[string]any{"aud": p.endpoint("token_endpoint")})(p) },
	},
	{
		name: "for several",
		want: "200 access_token:jwt expires_in:3600 token_type:Bearer",
		play: func(p *party) answer {
			return asserted(map[string]any{"aud": []string{"https://a.example", p.issuer}})(p)
		},
	},
	{
		name: "for another",
		want: "401 invalid_client error_description",
		play: asserted(map[string]any{"aud": "https://evil.example"}),
	},
	{
		name: "for nobody",
		want: "401 invalid_client error_description",
		play: asserted(map[string]any{"aud": nil}),
	},
	{
		name: "by another",
		want: "401 invalid_client error_description",
		play: asserted(map[string]any{"iss": "m2m-post"}),
	},
	{
		name: "by nobody",
		want: "401 invalid_client error_description",
		play: asserted(map[string]any{"iss": nil}),
	},
	{
		name: "about nobody",
		want: "401 invalid_client error_description",
		play: asserted(map[string]any{"sub": nil}),
	},
	{
		name: "about an unknown client",
		want: "401 invalid_client error_description",
		own:  "400 invalid_client error_description", because: "Logto section 3: an unknown client is a 400",
		play: asserted(map[string]any{"iss": "nobody", "sub": "nobody"}),
	},
	{
		name: "about a client with a secret",
		want: "401 invalid_client error_description",
		play: asserted(map[string]any{"iss": "m2m-basic", "sub": "m2m-basic"}),
	},
	{
		name: "expired",
		want: "401 invalid_client error_description",
		play: asserted(map[string]any{"exp": time.Now().Add(-time.Hour).Unix()}),
	},
	{
		name: "without an end",
		want: "401 invalid_client error_description",
		play: asserted(map[string]any{"exp": nil}),
	},
	{
		name: "with an end far ahead",
		want: "200 access_token:jwt expires_in:3600 token_type:Bearer",
		own:  "401 invalid_client error_description", because: "stricter than it must be (RFC 7523 section 3, number 4), so that clients make short ones",
		play: asserted(map[string]any{"exp": time.Now().Add(1000 * time.Hour).Unix()}),
	},
	{
		name: "not yet good",
		want: "401 invalid_client error_description",
		play: asserted(map[string]any{"nbf": time.Now().Add(time.Hour).Unix()}),
	},
	{
		name: "without an ID",
		want: "401 invalid_client error_description",
		play: asserted(map[string]any{"jti": nil}),
	},
	{
		name: "without iat",
		want: "200 access_token:jwt expires_in:3600 token_type:Bearer",
		play: asserted(map[string]any{"iat": nil}),
	},
	{
		name: "twice",
		want: "401 invalid_client error_description",
		play: func(p *party) answer {
			assertion := p.assertion("m2m-key", nil)
			p.well(assert(p, assertion))
			return assert(p, assertion)
		},
	},
	{
		name: "with another signature",
		want: "401 invalid_client error_description",
		play: func(p *party) answer {
			assertion := p.assertion("m2m-key", nil)
			return assert(p, assertion[:len(assertion)-8]+"AAAAAAAA")
		},
	},
	{
		name: "not a JWT",
		want: "400 invalid_request error_description",
		play: func(p *party) answer { return assert(p, "x") },
	},
	{
		name: "with client_id",
		want: "200 access_token:jwt expires_in:3600 token_type:Bearer",
		play: func(p *party) answer { return assert(p, p.assertion("m2m-key", nil), "client_id", "m2m-key") },
	},
	{
		name: "with another client_id",
		want: "400 invalid_request error_description",
		play: func(p *party) answer { return assert(p, p.assertion("m2m-key", nil), "client_id", "native") },
	},
	{
		name: "with a secret beside",
		want: "400 invalid_request error_description",
		play: func(p *party) answer { return assert(p, p.assertion("m2m-key", nil), "client_secret", "x") },
	},
	{
		name: "without a type",
		want: "400 invalid_request error_description",
		play: func(p *party) answer { return assert(p, p.assertion("m2m-key", nil), "client_assertion_type", "") },
	},
	{
		name: "of another type",
		want: "400 invalid_request error_description",
		play: func(p *party) answer {
			return assert(p, p.assertion("m2m-key", nil), "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer")
		},
	},
	{
		name: "none at all",
		want: "401 invalid_client error_description",
		play: form("client_id", "m2m-key"),
	},
	{
		name: "a secret instead",
		want: "401 invalid_client error_description",
		play: form("client_id", "m2m-key", "client_secret", "x"),
	},
}

// exchangeAs is a login of a web client.
func exchangeAs(id string) func(*party) answer {
	return func(p *party) answer {
		code := p.codeOf(request("client_id", id, "redirect_uri", "https://app.example/callback"))
		return p.token(id, "grant_type", "authorization_code", "code", code, "redirect_uri", "https://app.example/callback", "code_verifier", theVerifier)
	}
}

// form sends a refresh request with nothing but what is given: it gets no
// further than to the client.
func form(pairs ...string) func(*party) answer {
	return func(p *party) answer {
		return p.post(p.endpoint("token_endpoint"), with(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}}, pairs...))
	}
}

// basic is form with the Authorization header.
func basic(id, secret string, pairs ...string) func(*party) answer {
	return func(p *party) answer {
		a, _ := p.send(once(nil), http.MethodPost, p.endpoint("token_endpoint"), with(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}}, pairs...), func(r *http.Request) {
			r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret))
		})
		return a
	}
}

func withHeader(p *party, authorization string) answer {
	a, _ := p.send(once(nil), http.MethodPost, p.endpoint("token_endpoint"), url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}}, func(r *http.Request) {
		r.Header.Set("Authorization", authorization)
	})
	return a
}

// machine is a client acting for itself.
func machine(id string, pairs ...string) func(*party) answer {
	return func(p *party) answer {
		return p.token(id, append([]string{"grant_type", "client_credentials"}, pairs...)...)
	}
}

func asserted(change map[string]any) func(*party) answer {
	return func(p *party) answer { return assert(p, p.assertion("m2m-key", change)) }
}

func assert(p *party, assertion string, pairs ...string) answer {
	form := url.Values{"grant_type": {"client_credentials"}, "resource": {theResource}, "client_assertion_type": {assertionType}, "client_assertion": {assertion}}
	return p.post(p.endpoint("token_endpoint"), with(form, pairs...))
}
