package interop

import (
	"net/http"
	"net/url"
	"strings"
)

const appCallback = "https://app.example/callback"

// Pushed authorization requests (RFC 9126).
var pushedRows = []row{
	{
		name: "pushed",
		want: "201 expires_in:60 request_uri",
		play: func(p *party) answer { return p.push(request()) },
	},
	{
		name: "a login",
		want: "303 to the client code iss state:state",
		play: func(p *party) answer { return p.byPush(request(), "alice") },
	},
	{
		name: "refused by the person",
		want: "303 to the client access_denied error_description iss state:state",
		play: func(p *party) answer { return p.byPush(request(), "") },
	},
	{
		name: "its code",
		want: "200 access_token:opaque expires_in:3600 id_token scope:openid token_type:Bearer",
		play: func(p *party) answer { return p.exchange(p.byPush(request(), "alice").text("code")) },
	},
	{
		name: "with a resource",
		want: "200 access_token:jwt expires_in:3600 id_token scope:mcp:read token_type:Bearer",
		play: func(p *party) answer {
			code := p.byPush(request("scope", "openid mcp:read", "resource", theResource), "alice").text("code")
			return p.exchange(code, "resource", theResource)
		},
	},
	{
		name: "by client_secret_basic",
		want: "201 expires_in:60 request_uri",
		play: func(p *party) answer { return p.push(request("client_id", "basic", "redirect_uri", appCallback)) },
	},
	{
		name: "by client_secret_post",
		want: "201 expires_in:60 request_uri",
		play: func(p *party) answer { return p.push(request("client_id", "post", "redirect_uri", appCallback)) },
	},
	{
		name: "by private_key_jwt",
		want: "201 expires_in:60 request_uri",
		play: func(p *party) answer { return p.push(request("client_id", "key", "redirect_uri", appCallback)) },
	},
	{
		name: "by an assertion for the token endpoint",
		want: "201 expires_in:60 request_uri",
		play: pushedFor("token_endpoint"),
	},
	{
		name: "by an assertion for its endpoint",
		want: "201 expires_in:60 request_uri",
		play: pushedFor("pushed_authorization_request_endpoint"),
	},
	{
		name: "by an assertion for another endpoint",
		want: "401 invalid_client error_description",
		play: pushedFor("userinfo_endpoint"),
	},
	{
		name: "a login with private_key_jwt throughout",
		want: "200 access_token:opaque expires_in:3600 id_token scope:openid token_type:Bearer",
		play: func(p *party) answer {
			code := p.byPush(request("client_id", "key", "redirect_uri", appCallback), "alice").text("code")
			return p.token("key", "grant_type", "authorization_code", "code", code, "redirect_uri", appCallback, "code_verifier", theVerifier)
		},
	},
	{
		name: "with a wrong secret",
		want: "401 invalid_client error_description WWW-Authenticate:Basic",
		play: func(p *party) answer {
			a, _ := p.send(once(nil), http.MethodPost, p.endpoint("pushed_authorization_request_endpoint"), request("client_id", "basic", "redirect_uri", appCallback),
				func(r *http.Request) { r.SetBasicAuth("basic", "wrong") })
			return a
		},
	},
	{
		name: "without a secret",
		want: "401 invalid_client error_description",
		play: func(p *party) answer {
			return p.post(p.endpoint("pushed_authorization_request_endpoint"), request("client_id", "basic", "redirect_uri", appCallback))
		},
	},
	{
		name: "of an unknown client",
		want: "401 invalid_client error_description",
		own:  "400 invalid_client error_description", because: "Logto section 3: an unknown client is a 400",
		play: func(p *party) answer {
			return p.post(p.endpoint("pushed_authorization_request_endpoint"), request("client_id", "nobody"))
		},
	},
	{
		name: "no client",
		want: "400 invalid_request error_description",
		play: func(p *party) answer {
			return p.post(p.endpoint("pushed_authorization_request_endpoint"), request("client_id", ""))
		},
	},
	{name: "another redirect URI", want: "400 invalid_request error_description", play: pushing("redirect_uri", "http://127.0.0.1/other")},
	{name: "no redirect URI", want: "400 invalid_request error_description", play: pushing("redirect_uri", "")},
	{name: "no PKCE", want: "400 invalid_request error_description", play: pushing("code_challenge", "", "code_challenge_method", "")},
	{name: "plain PKCE", want: "400 invalid_request error_description", play: pushing("code_challenge_method", "plain")},
	{name: "unknown resource", want: "400 invalid_target error_description", play: pushing("resource", theResource+"/")},
	{name: "unknown response_type", want: "400 unsupported_response_type error_description", play: pushing("response_type", "cod")},
	{name: "unknown prompt", want: "400 invalid_request error_description", play: pushing("prompt", "smoke")},
	{name: "unknown scope", want: "201 expires_in:60 request_uri", play: pushing("scope", "openid foo:bar")},
	{name: "with a request_uri", want: "400 request_uri_not_supported", play: pushing("request_uri", "urn:ietf:params:oauth:request_uri:x")},
	{name: "by a client without the code grant", want: "400 invalid_request error_description", play: pushing("client_id", "device")},
	{
		name: "prompt none without a session",
		want: "303 to the client login_required error_description iss state:state",
		play: func(p *party) answer { return p.byPush(request("prompt", "none"), "alice") },
	},
	{
		name: "what the browser says beside it",
		want: "303 to the client code iss state:state",
		play: func(p *party) answer {
			return p.authorize(with(p.pushed(request()), "state", "another", "redirect_uri", theCallback+"/other"), "alice")
		},
	},
	{
		name: "by another client's browser",
		want: "303 to the client invalid_request_object error_description iss state:state",
		own:  "400 invalid_request_object error_description iss", because: "RFC 9126 section 4: the request is of the client that pushed it; its state and its redirect URI are nobody else's",
		play: func(p *party) answer { return p.authorize(with(p.pushed(request()), "client_id", "other"), "alice") },
	},
	{
		name: "without a client in the browser",
		want: "400 invalid_request error_description iss",
		play: func(p *party) answer { return p.authorize(with(p.pushed(request()), "client_id", ""), "alice") },
	},
	{
		name: "after a login",
		want: "400 invalid_request_uri error_description iss",
		play: func(p *party) answer {
			q := p.pushed(request())
			p.authorize(q, "alice")
			return p.authorize(q, "alice")
		},
	},
	{
		name: "again before the login",
		want: "303 to the client code iss state:state",
		own:  "400 invalid_request_uri error_description iss", because: "RFC 9126 section 4: it should be of one use, and some providers see to it at once",
		play: func(p *party) answer {
			q := p.pushed(request())
			p.get(p.endpoint("authorization_endpoint") + "?" + q.Encode())
			return p.authorize(q, "alice")
		},
	},
	{
		name: "one that was never pushed",
		want: "400 invalid_request_uri error_description iss",
		play: func(p *party) answer {
			return p.authorize(url.Values{"client_id": {"native"}, "request_uri": {"urn:ietf:params:oauth:request_uri:" + strings.Repeat("x", 43)}}, "alice")
		},
	},
	{
		name: "a request_uri elsewhere",
		want: "400 request_uri_not_supported iss",
		play: func(p *party) answer {
			return p.authorize(url.Values{"client_id": {"native"}, "request_uri": {"https://app.example/request"}}, "alice")
		},
	},
	{
		name: "not pushed by a client that must",
		want: "303 to the client invalid_request error_description iss state:state",
		play: func(p *party) answer { return p.authorize(request("client_id", "pushing"), "alice") },
	},
	{
		name: "pushed by a client that must",
		want: "303 to the client code iss state:state",
		play: func(p *party) answer { return p.byPush(request("client_id", "pushing"), "alice") },
	},
}

// push sends an authorization request of its client beforehand.
func (p *party) push(q url.Values) answer {
	p.Helper()
	form, change := p.as(q.Get("client_id"), q)
	a, _ := p.send(once(nil), http.MethodPost, p.endpoint("pushed_authorization_request_endpoint"), form, change)
	return a
}

// pushed is what the browser brings for it.
func (p *party) pushed(q url.Values) url.Values {
	p.Helper()
	return url.Values{"client_id": {q.Get("client_id")}, "request_uri": {p.well(p.push(q)).text("request_uri")}}
}

func (p *party) byPush(q url.Values, user string) answer {
	p.Helper()
	return p.authorize(p.pushed(q), user)
}

func pushing(pairs ...string) func(*party) answer {
	return func(p *party) answer { return p.push(request(pairs...)) }
}

// pushedFor proves who the client is by an assertion for an endpoint.
func pushedFor(endpoint string) func(*party) answer {
	return func(p *party) answer {
		assertion := p.assertion("key", map[string]any{"aud": p.endpoint(endpoint)})
		return p.post(p.endpoint("pushed_authorization_request_endpoint"),
			request("client_id", "key", "redirect_uri", appCallback, "client_assertion_type", assertionType, "client_assertion", assertion))
	}
}
