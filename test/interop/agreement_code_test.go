package interop

import "strings"

// The code exchange (RFC 6749 sections 4.1.2 to 4.1.3, RFC 7636 section 4.6).
var codeRows = []row{
	{
		name: "exchange",
		want: "200 access_token:opaque expires_in:3600 id_token scope:openid token_type:Bearer",
		play: spend("", "openid"),
	},
	{
		name: "with offline_access and consent",
		want: "200 access_token:opaque expires_in:3600 id_token refresh_token scope:openid offline_access token_type:Bearer",
		play: func(p *party) answer {
			return p.exchange(p.code("scope", "openid offline_access", "prompt", "consent"))
		},
	},
	{
		name: "offline_access without consent",
		want: "200 access_token:opaque expires_in:3600 id_token scope:openid token_type:Bearer",
		play: spend("", "openid offline_access"),
	},
	{
		name: "without openid",
		want: "200 access_token:opaque expires_in:3600 refresh_token scope:offline_access token_type:Bearer",
		play: func(p *party) answer {
			return p.exchange(p.code("scope", "offline_access", "prompt", "consent"))
		},
	},
	{
		name: "wrong verifier",
		want: "400 invalid_grant error_description",
		play: wrong("code_verifier", strings.Repeat("x", 43)),
	},
	{
		name: "no verifier",
		want: "400 invalid_grant error_description",
		play: wrong("code_verifier", ""),
	},
	{
		name: "short verifier",
		want: "400 invalid_request error_description",
		play: wrong("code_verifier", "short"),
	},
	{
		name: "right verifier after a wrong one",
		want: "200 access_token:opaque expires_in:3600 id_token scope:openid token_type:Bearer",
		play: func(p *party) answer {
			code := p.code()
			p.exchange(code, "code_verifier", strings.Repeat("x", 43))
			return p.exchange(code)
		},
	},
	{
		name: "another redirect URI",
		want: "400 invalid_grant error_description",
		play: wrong("redirect_uri", "http://127.0.0.1:49152/other"),
	},
	{
		name: "another port",
		want: "400 invalid_grant error_description",
		play: wrong("redirect_uri", "http://127.0.0.1:49153/callback"),
	},
	{
		name: "no redirect URI",
		want: "400 invalid_request error_description",
		play: wrong("redirect_uri", ""),
	},
	{
		name: "unknown code",
		want: "400 invalid_grant error_description",
		play: wrong("code", strings.Repeat("x", 43)),
	},
	{
		name: "no code",
		want: "400 invalid_request error_description",
		play: wrong("code", ""),
	},
	{
		name: "code of another client",
		want: "400 invalid_grant error_description",
		play: wrong("client_id", "other"),
	},
	{
		name: "no grant_type",
		want: "400 invalid_request error_description",
		play: wrong("grant_type", ""),
	},
	{
		name: "unknown grant_type",
		want: "400 unsupported_grant_type error_description",
		play: wrong("grant_type", "password"),
	},
	{
		name: "grant_type not allowed",
		want: "400 invalid_request error_description",
		play: wrong("client_id", "device"),
	},
	{
		name: "code twice",
		want: "400 invalid_grant error_description",
		play: func(p *party) answer {
			code := p.code()
			p.well(p.exchange(code))
			return p.exchange(code)
		},
	},
	{
		name: "access token after its code came twice",
		want: "401 invalid_token error_description WWW-Authenticate:Bearer",
		play: func(p *party) answer {
			code := p.code()
			a := p.well(p.exchange(code))
			p.exchange(code)
			return p.userinfo("Bearer " + a.text("access_token"))
		},
	},
	{
		name: "refresh token after its code came twice",
		want: "400 invalid_grant error_description",
		play: func(p *party) answer {
			code := p.code("scope", "openid offline_access", "prompt", "consent")
			a := p.well(p.exchange(code))
			p.exchange(code)
			return p.refresh(a.text("refresh_token"))
		},
	},
	{
		name: "verifier without challenge",
		want: "400 invalid_grant error_description",
		play: func(p *party) answer {
			code := p.codeOf(request("client_id", "basic", "redirect_uri", "https://app.example/callback", "code_challenge", "", "code_challenge_method", ""))
			return p.token("basic", "grant_type", "authorization_code", "code", code, "redirect_uri", "https://app.example/callback", "code_verifier", theVerifier)
		},
	},
	{
		name: "neither verifier nor challenge",
		want: "200 access_token:opaque expires_in:3600 id_token scope:openid token_type:Bearer",
		play: func(p *party) answer {
			code := p.codeOf(request("client_id", "basic", "redirect_uri", "https://app.example/callback", "code_challenge", "", "code_challenge_method", ""))
			return p.token("basic", "grant_type", "authorization_code", "code", code, "redirect_uri", "https://app.example/callback")
		},
	},
	{
		name: "parameter twice",
		want: "400 invalid_request error_description",
		play: func(p *party) answer {
			form := with(nil, "client_id", "native", "grant_type", "authorization_code", "redirect_uri", theCallback)
			form["code"] = []string{"a", "b"}
			return p.post(p.endpoint("token_endpoint"), form)
		},
	},
	{
		name: "by GET",
		want: "404",
		own:  "404 invalid_request error_description", because: "Logto section 3: the 404 of a route that is not there is JSON",
		play: func(p *party) answer { return p.get(p.endpoint("token_endpoint") + "?client_id=native") },
	},
}

// wrong is an exchange of a good code with one parameter changed.
func wrong(name, value string) func(*party) answer {
	return func(p *party) answer { return p.exchange(p.code(), name, value) }
}

// spend is a login with a resource, "" for none, at both requests.
func spend(resource, scope string) func(*party) answer {
	return func(p *party) answer {
		return p.exchange(p.code("resource", resource, "scope", scope), "resource", resource)
	}
}
