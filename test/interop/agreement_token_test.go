package interop

// What becomes of tokens: revocation (RFC 7009), introspection (RFC 7662),
// userinfo (OpenID Connect Core section 5.3, RFC 6750), logout (OpenID Connect
// RP-Initiated Logout section 2).
var tokenRows = []row{
	{
		name: "revoke a refresh token",
		want: "200",
		play: revoked("refresh_token", func(p *party, _, revocation answer) answer { return revocation }),
	},
	{
		name: "revoked refresh token",
		want: "400 invalid_grant error_description",
		play: revoked("refresh_token", func(p *party, a, _ answer) answer { return p.refresh(a.text("refresh_token")) }),
	},
	{
		name: "its access token",
		want: "401 invalid_token error_description WWW-Authenticate:Bearer",
		play: revoked("refresh_token", func(p *party, a, _ answer) answer { return p.userinfo("Bearer " + a.text("access_token")) }),
	},
	{
		name: "the next refresh token of a revoked one",
		want: "400 invalid_grant error_description",
		play: func(p *party) answer {
			first := p.login()
			second := p.well(p.refresh(first.text("refresh_token")))
			p.well(p.ask("revocation_endpoint", "native", "token", first.text("refresh_token")))
			return p.refresh(second.text("refresh_token"))
		},
	},
	{
		name: "with a hint",
		want: "400 invalid_grant error_description",
		play: func(p *party) answer {
			a := p.login()
			p.well(p.ask("revocation_endpoint", "native", "token", a.text("refresh_token"), "token_type_hint", "refresh_token"))
			return p.refresh(a.text("refresh_token"))
		},
	},
	{
		name: "with a wrong hint",
		want: "400 invalid_grant error_description",
		play: func(p *party) answer {
			a := p.login()
			p.well(p.ask("revocation_endpoint", "native", "token", a.text("refresh_token"), "token_type_hint", "access_token"))
			return p.refresh(a.text("refresh_token"))
		},
	},
	{
		name: "revoked access token",
		want: "401 invalid_token error_description WWW-Authenticate:Bearer",
		play: revoked("access_token", func(p *party, a, _ answer) answer { return p.userinfo("Bearer " + a.text("access_token")) }),
	},
	{
		name: "refresh after the access token was revoked",
		want: "400 invalid_grant error_description",
		play: revoked("access_token", func(p *party, a, _ answer) answer { return p.refresh(a.text("refresh_token")) }),
	},
	{
		name: "revoke an unknown token",
		want: "200",
		play: func(p *party) answer { return p.ask("revocation_endpoint", "native", "token", "x") },
	},
	{
		name: "revoke a JWT",
		want: "400 unsupported_token_type error_description",
		play: func(p *party) answer {
			return p.ask("revocation_endpoint", "native", "token", p.well(spend(theResource, "openid")(p)).text("access_token"))
		},
	},
	{
		name: "revoke nothing",
		want: "400 invalid_request error_description",
		play: func(p *party) answer { return p.ask("revocation_endpoint", "native") },
	},
	{
		name: "revoke as nobody",
		want: "400 invalid_request error_description",
		play: func(p *party) answer { return p.post(p.endpoint("revocation_endpoint"), with(nil, "token", "x")) },
	},
	{
		name: "revoke as an unknown client",
		want: "401 invalid_client error_description",
		own:  "400 invalid_client error_description", because: "Logto section 3: an unknown client is a 400",
		play: func(p *party) answer {
			return p.post(p.endpoint("revocation_endpoint"), with(nil, "token", "x", "client_id", "nobody"))
		},
	},
	{
		name: "revoke another client's token",
		want: "200",
		play: func(p *party) answer {
			return p.ask("revocation_endpoint", "other", "token", p.login().text("refresh_token"))
		},
	},
	{
		name: "a token that another client revoked",
		want: "200 access_token:opaque expires_in:3600 id_token refresh_token scope:openid offline_access token_type:Bearer",
		play: func(p *party) answer {
			a := p.login()
			p.ask("revocation_endpoint", "other", "token", a.text("refresh_token"))
			return p.refresh(a.text("refresh_token"))
		},
	},
	{
		name: "revoke with a wrong secret",
		want: "401 invalid_client error_description",
		play: func(p *party) answer {
			return p.post(p.endpoint("revocation_endpoint"), with(nil, "token", "x", "client_id", "post", "client_secret", "wrong"))
		},
	},

	{
		name: "introspect an access token",
		want: "200 active:true client_id:native exp iat iss scope:openid offline_access sub token_type:Bearer",
		play: func(p *party) answer {
			return p.ask("introspection_endpoint", "native", "token", p.login().text("access_token"))
		},
	},
	{
		name: "introspect a refresh token",
		want: "200 active:true client_id:native exp iat iss scope:openid offline_access sub",
		play: func(p *party) answer {
			return p.ask("introspection_endpoint", "native", "token", p.login().text("refresh_token"))
		},
	},
	{
		name: "introspect a spent refresh token",
		want: "200 active:false",
		play: func(p *party) answer {
			a := p.login()
			p.well(p.refresh(a.text("refresh_token")))
			return p.ask("introspection_endpoint", "native", "token", a.text("refresh_token"))
		},
	},
	{
		name: "introspect an unknown token",
		want: "200 active:false",
		play: func(p *party) answer { return p.ask("introspection_endpoint", "native", "token", "x") },
	},
	{
		name: "introspect another client's",
		want: "200 active:false",
		play: func(p *party) answer {
			return p.ask("introspection_endpoint", "other", "token", p.login().text("access_token"))
		},
	},
	{
		name: "introspect a JWT",
		want: "400 unsupported_token_type error_description",
		play: func(p *party) answer {
			return p.ask("introspection_endpoint", "native", "token", p.well(spend(theResource, "openid")(p)).text("access_token"))
		},
	},
	{
		name: "introspect nothing",
		want: "400 invalid_request error_description",
		play: func(p *party) answer { return p.ask("introspection_endpoint", "native") },
	},

	{
		name: "userinfo",
		want: "200 sub",
		play: func(p *party) answer { return p.userinfo("Bearer " + p.login().text("access_token")) },
	},
	{
		name: "userinfo without a token",
		want: "401 invalid_token error_description WWW-Authenticate:Bearer",
		play: func(p *party) answer { return p.userinfo("") },
	},
	{
		name: "userinfo with an unknown token",
		want: "401 invalid_token error_description WWW-Authenticate:Bearer",
		play: func(p *party) answer { return p.userinfo("Bearer x") },
	},
	{
		name: "userinfo without openid",
		want: "403 insufficient_scope error_description scope:openid WWW-Authenticate:Bearer",
		play: func(p *party) answer {
			a := p.well(p.exchange(p.code("scope", "offline_access", "prompt", "consent")))
			return p.userinfo("Bearer " + a.text("access_token"))
		},
	},
	{
		name: "userinfo with another scheme",
		want: "400 invalid_request error_description WWW-Authenticate:Bearer",
		play: func(p *party) answer { return p.userinfo("Basic x") },
	},
	{
		name: "userinfo with two words",
		want: "400 invalid_request error_description WWW-Authenticate:Bearer",
		play: func(p *party) answer { return p.userinfo("Bearer a b") },
	},
	{
		name: "userinfo with a refresh token",
		want: "401 invalid_token error_description WWW-Authenticate:Bearer",
		play: func(p *party) answer { return p.userinfo("Bearer " + p.login().text("refresh_token")) },
	},
	{
		name: "userinfo with a query parameter",
		want: "400 invalid_request error_description WWW-Authenticate:Bearer",
		play: func(p *party) answer { return p.get(p.endpoint("userinfo_endpoint") + "?access_token=x") },
	},

	{
		name: "log out",
		want: "200",
		play: logout(),
	},
	{
		name: "log out with a hint",
		want: "200",
		play: func(p *party) answer { return logout("id_token_hint", p.login().text("id_token"))(p) },
	},
	{
		name: "log out and back",
		want: "303 to the client state:state",
		play: logout("client_id", "native", "post_logout_redirect_uri", leftAddress, "state", "state"),
	},
	{
		name: "log out with a hint and back",
		want: "303 to the client",
		play: func(p *party) answer {
			return logout("id_token_hint", p.login().text("id_token"), "post_logout_redirect_uri", leftAddress)(p)
		},
	},
	{
		name: "log out to another address",
		want: "400 invalid_request error_description",
		play: logout("client_id", "native", "post_logout_redirect_uri", leftAddress+"/"),
	},
	{
		name: "log out to another port",
		want: "303 to the client",
		own:  "400 invalid_request error_description", because: "Logto section 5: exact, port and all",
		play: logout("client_id", "native", "post_logout_redirect_uri", "http://127.0.0.1:9/signed-out"),
	},
	{
		name: "log out of an unknown client",
		want: "400 invalid_client error_description",
		play: logout("client_id", "nobody"),
	},
	{
		name: "log out of nobody, with an address",
		want: "200",
		play: logout("post_logout_redirect_uri", "https://evil.example/"),
	},
	{
		name: "log out with a broken hint",
		want: "400 invalid_request error_description",
		play: logout("id_token_hint", "x"),
	},
	{
		name: "log out of another client",
		want: "400 invalid_request error_description",
		play: func(p *party) answer {
			return logout("id_token_hint", p.login().text("id_token"), "client_id", "other")(p)
		},
	},
}

// revoked logs in, revokes one of the tokens, and then does what is asked.
func revoked(which string, then func(p *party, login, revocation answer) answer) func(*party) answer {
	return func(p *party) answer {
		a := p.login()
		return then(p, a, p.well(p.ask("revocation_endpoint", "native", "token", a.text(which))))
	}
}

func logout(pairs ...string) func(*party) answer {
	return func(p *party) answer {
		return p.browse(p.endpoint("end_session_endpoint")+"?"+with(nil, pairs...).Encode(), "alice")
	}
}
