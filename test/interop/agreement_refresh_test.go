package interop

import "net/url"

// Refresh tokens (RFC 6749 section 6, RFC 9700 section 4.14).
var refreshRows = []row{
	{
		name: "refresh",
		want: "200 access_token:opaque expires_in:3600 id_token refresh_token scope:openid offline_access token_type:Bearer",
		play: func(p *party) answer { return p.refresh(p.login().text("refresh_token")) },
	},
	{
		name: "the one after",
		want: "200 access_token:opaque expires_in:3600 id_token refresh_token scope:openid offline_access token_type:Bearer",
		play: func(p *party) answer {
			return p.refresh(p.well(p.refresh(p.login().text("refresh_token"))).text("refresh_token"))
		},
	},
	{
		name: "fewer scopes",
		want: "200 access_token:opaque expires_in:3600 id_token refresh_token scope:openid token_type:Bearer",
		play: func(p *party) answer { return p.refresh(p.login().text("refresh_token"), "scope", "openid") },
	},
	{
		name: "all scopes after fewer",
		want: "200 access_token:opaque expires_in:3600 id_token refresh_token scope:openid offline_access token_type:Bearer",
		play: func(p *party) answer {
			return p.refresh(p.well(p.refresh(p.login().text("refresh_token"), "scope", "openid")).text("refresh_token"))
		},
	},
	{
		name: "more scopes",
		want: "400 invalid_scope error_description scope:mcp:read",
		play: func(p *party) answer {
			return p.refresh(p.login("scope", "openid offline_access", "resource", theResource).text("refresh_token"), "scope", "openid mcp:read")
		},
	},
	{
		name: "after more scopes were refused",
		want: "200 access_token:opaque expires_in:3600 id_token refresh_token scope:openid offline_access token_type:Bearer",
		play: func(p *party) answer {
			p.strict()
			token := p.login("scope", "openid offline_access", "resource", theResource).text("refresh_token")
			p.refresh(token, "scope", "openid mcp:read")
			return p.refresh(token)
		},
	},
	{
		name: "unknown scope",
		want: "400 invalid_scope error_description scope:foo:bar",
		play: func(p *party) answer { return p.refresh(p.login().text("refresh_token"), "scope", "openid foo:bar") },
	},
	{
		name: "unknown token",
		want: "400 invalid_grant error_description",
		play: func(p *party) answer { return p.refresh("x") },
	},
	{
		name: "no token",
		want: "400 invalid_request error_description",
		play: func(p *party) answer { return p.refresh("") },
	},
	{
		name: "token of another client",
		want: "400 invalid_grant error_description",
		play: func(p *party) answer { return p.refresh(p.login().text("refresh_token"), "client_id", "other") },
	},
	{
		name: "after another client tried",
		want: "200 access_token:opaque expires_in:3600 id_token refresh_token scope:openid offline_access token_type:Bearer",
		play: func(p *party) answer {
			token := p.login().text("refresh_token")
			p.refresh(token, "client_id", "other")
			return p.refresh(token)
		},
	},
	{
		name: "access token for a refresh token",
		want: "400 invalid_grant error_description",
		play: func(p *party) answer { return p.refresh(p.login().text("access_token")) },
	},

	{
		name: "used twice at once",
		want: "400 invalid_grant error_description",
		own:  "200 access_token:opaque expires_in:3600 id_token refresh_token scope:openid offline_access token_type:Bearer", because: "Logto section 3: a leeway of three seconds",
		play: func(p *party) answer {
			token := p.login().text("refresh_token")
			p.well(p.refresh(token))
			return p.refresh(token)
		},
	},
	{
		name: "used twice",
		want: "400 invalid_grant error_description",
		play: reused(func(p *party, first, _ answer) answer { return p.refresh(first.text("refresh_token")) }),
	},
	{
		name: "used twice: the newer token",
		want: "400 invalid_grant error_description",
		play: reused(func(p *party, _, second answer) answer { return p.refresh(second.text("refresh_token")) }),
	},
	{
		name: "used twice: the access token",
		want: "401 invalid_token error_description WWW-Authenticate:Bearer",
		play: reused(func(p *party, _, second answer) answer { return p.userinfo("Bearer " + second.text("access_token")) }),
	},
	{
		name: "used twice: another login",
		want: "200 access_token:opaque expires_in:3600 id_token refresh_token scope:openid offline_access token_type:Bearer",
		play: func(p *party) answer {
			p.strict()
			bystander := p.login()
			reused(func(_ *party, _, second answer) answer { return second })(p)
			return p.refresh(bystander.text("refresh_token"))
		},
	},
	{
		name: "a web page's",
		want: "200 access_token:opaque expires_in:3600 id_token refresh_token scope:openid offline_access token_type:Bearer",
		play: func(p *party) answer {
			code := p.codeOf(request("client_id", "spa", "redirect_uri", "https://app.example/callback", "scope", "openid offline_access", "prompt", "consent"))
			a := p.well(p.token("spa", "grant_type", "authorization_code", "code", code, "redirect_uri", "https://app.example/callback", "code_verifier", theVerifier))
			return p.token("spa", "grant_type", "refresh_token", "refresh_token", a.text("refresh_token"))
		},
	},
	{
		name: "a confidential client's",
		want: "200 access_token:opaque expires_in:3600 id_token refresh_token scope:openid offline_access token_type:Bearer",
		play: func(p *party) answer {
			return p.token("basic", "grant_type", "refresh_token", "refresh_token", confidential(p))
		},
	},
	{
		name: "a confidential client's without its secret",
		want: "401 invalid_client error_description",
		play: func(p *party) answer {
			return p.post(p.endpoint("token_endpoint"), url.Values{"client_id": {"basic"}, "grant_type": {"refresh_token"}, "refresh_token": {confidential(p)}})
		},
	},
}

// confidential is a refresh token of the client "basic".
func confidential(p *party) string {
	p.Helper()
	code := p.codeOf(request("client_id", "basic", "redirect_uri", "https://app.example/callback", "scope", "openid offline_access", "prompt", "consent"))
	a := p.well(p.token("basic", "grant_type", "authorization_code", "code", code, "redirect_uri", "https://app.example/callback", "code_verifier", theVerifier))
	return a.text("refresh_token")
}

// reused logs in, refreshes, and uses the spent token again, without leeway;
// then comes what is asked.
func reused(then func(p *party, first, second answer) answer) func(*party) answer {
	return func(p *party) answer {
		p.strict()
		first := p.login()
		second := p.well(p.refresh(first.text("refresh_token")))
		if a := p.refresh(first.text("refresh_token")); a.text("error") != "invalid_grant" {
			p.Errorf("the spent token: %s", a)
		}
		return then(p, first, second)
	}
}

// Resource indicators (RFC 8707).
var resourceRows = []row{
	{
		name: "at both requests",
		want: "200 access_token:jwt expires_in:3600 id_token scope:mcp:read token_type:Bearer",
		play: spend(theResource, "openid mcp:read"),
	},
	{
		name: "at both, no scope of it",
		want: "200 access_token:jwt expires_in:3600 id_token scope: token_type:Bearer",
		play: spend(theResource, "openid"),
	},
	{
		name: "at both, unknown scope",
		want: "200 access_token:jwt expires_in:3600 id_token scope: token_type:Bearer",
		play: spend(theResource, "openid mcp:admin"),
	},
	{
		name: "at both, without openid",
		want: "200 access_token:jwt expires_in:3600 scope:mcp:read token_type:Bearer",
		play: spend(theResource, "mcp:read"),
	},
	{
		name: "at the first only",
		want: "200 access_token:opaque expires_in:3600 id_token scope:openid token_type:Bearer",
		play: func(p *party) answer { return p.exchange(p.code("resource", theResource, "scope", "openid mcp:read")) },
	},
	{
		name: "at the second only",
		want: "400 invalid_target error_description",
		play: func(p *party) answer { return p.exchange(p.code(), "resource", theResource) },
	},
	{
		name: "unknown at the second",
		want: "400 invalid_target error_description",
		play: func(p *party) answer { return p.exchange(p.code("resource", theResource), "resource", theResource+"/") },
	},
	{
		name: "another at the second",
		want: "400 invalid_target error_description",
		play: func(p *party) answer { return p.exchange(p.code("resource", theResource), "resource", otherResource) },
	},
	{
		name: "relative at the second",
		want: "400 invalid_target error_description",
		play: func(p *party) answer { return p.exchange(p.code("resource", theResource), "resource", "mcp") },
	},
	{
		name: "the code after an unknown one",
		want: "400 invalid_grant error_description",
		play: func(p *party) answer {
			code := p.code("resource", theResource)
			p.exchange(code, "resource", theResource+"/")
			return p.exchange(code, "resource", theResource)
		},
	},
	{
		name: "one of two",
		want: "200 access_token:jwt expires_in:3600 id_token scope: token_type:Bearer",
		play: func(p *party) answer {
			q := request("scope", "openid mcp:read")
			q["resource"] = []string{theResource, otherResource}
			return p.exchange(p.codeOf(q), "resource", otherResource)
		},
	},
	{
		name: "both of two",
		want: "200 access_token:opaque expires_in:3600 id_token scope:openid token_type:Bearer",
		play: func(p *party) answer {
			q := request("scope", "openid mcp:read")
			q["resource"] = []string{theResource, otherResource}
			return p.post(p.endpoint("token_endpoint"), url.Values{
				"client_id": {"native"}, "grant_type": {"authorization_code"}, "code": {p.codeOf(q)}, "redirect_uri": {theCallback},
				"code_verifier": {theVerifier}, "resource": {theResource, otherResource},
			})
		},
	},
	{
		name: "refresh with it",
		want: "200 access_token:jwt expires_in:3600 id_token refresh_token scope:mcp:read token_type:Bearer",
		play: refreshed("resource", theResource),
	},
	{
		name: "refresh without it",
		want: "200 access_token:opaque expires_in:3600 id_token refresh_token scope:openid offline_access token_type:Bearer",
		play: refreshed(),
	},
	{
		name: "refresh with an unknown one",
		want: "400 invalid_target error_description",
		play: refreshed("resource", theResource+"/"),
	},
	{
		name: "refresh with another",
		want: "400 invalid_target error_description",
		play: refreshed("resource", otherResource),
	},
	{
		name: "refresh with it and fewer scopes",
		want: "200 access_token:jwt expires_in:3600 id_token refresh_token scope: token_type:Bearer",
		play: refreshed("resource", theResource, "scope", "openid"),
	},
	{
		name: "refresh with it after one without",
		want: "200 access_token:jwt expires_in:3600 id_token refresh_token scope:mcp:read token_type:Bearer",
		play: func(p *party) answer {
			return p.refresh(p.well(refreshed()(p)).text("refresh_token"), "resource", theResource)
		},
	},
	{
		name: "refresh after an unknown one",
		want: "400 invalid_grant error_description",
		play: func(p *party) answer {
			p.strict()
			token := resourceLogin(p).text("refresh_token")
			p.refresh(token, "resource", theResource+"/")
			return p.refresh(token, "resource", theResource)
		},
	},
	{
		name: "JWT at userinfo",
		want: "401 invalid_token error_description WWW-Authenticate:Bearer",
		play: func(p *party) answer {
			return p.userinfo("Bearer " + p.well(spend(theResource, "openid")(p)).text("access_token"))
		},
	},
}

func resourceLogin(p *party) answer {
	p.Helper()
	return p.well(p.exchange(p.code("scope", "openid offline_access mcp:read", "prompt", "consent", "resource", theResource), "resource", theResource))
}

// refreshed is a refresh of a login with a resource.
func refreshed(pairs ...string) func(*party) answer {
	return func(p *party) answer { return p.refresh(resourceLogin(p).text("refresh_token"), pairs...) }
}
