package interop

import (
	"net/url"
	"strings"
	"time"

	"mcp-login/internal/dpop"
)

const (
	boundOpaque = "200 access_token:opaque expires_in:3600 id_token scope:openid token_type:DPoP DPoP-Nonce"
	badProof    = "400 invalid_dpop_proof error_description"
	usedProof   = "RFC 9449 section 5: a bad proof is invalid_dpop_proof, and no grant is spent"
)

// Proofs of possession (RFC 9449).
var dpopRows = []row{
	{name: "a code", want: boundOpaque, play: func(p *party) answer { return p.boundCode(dpop.NewKey()) }},
	{
		name: "a code for a resource",
		want: "200 alg:ES384 aud:http://localhost:8080/mcp client_id:native cnf exp iat iss jti kid scope:mcp:read sub typ:at+jwt",
		play: func(p *party) answer {
			form := spendingForm(p.code("scope", "openid mcp:read", "resource", theResource), "resource", theResource)
			return opened(p, p.well(p.bound(dpop.NewKey(), "native", form)).text("access_token"))
		},
	},
	{
		name: "client_credentials",
		want: "200 access_token:jwt expires_in:3600 scope:mcp:read token_type:DPoP DPoP-Nonce",
		play: func(p *party) answer {
			return p.bound(dpop.NewKey(), "m2m-key", url.Values{"grant_type": {"client_credentials"}, "resource": {theResource}, "scope": {"mcp:read"}})
		},
	},
	{
		name: "a device code",
		want: boundOpaque,
		play: decided("alice", func(p *party, d answer) answer {
			return p.bound(dpop.NewKey(), "device", url.Values{"grant_type": {deviceGrant}, "device_code": {d.text("device_code")}})
		}),
	},
	{
		name: "introspection",
		want: "200 active:true client_id:native cnf exp iat iss scope:openid sub token_type:DPoP",
		play: func(p *party) answer {
			return p.ask("introspection_endpoint", "native", "token", p.boundCode(dpop.NewKey()).text("access_token"))
		},
	},
	{
		name: "introspection of the refresh token",
		want: "200 active:true client_id:native cnf exp iat iss scope:openid offline_access sub",
		play: func(p *party) answer {
			return p.ask("introspection_endpoint", "native", "token", p.boundLogin(dpop.NewKey()).text("refresh_token"))
		},
	},
	{
		name: "refresh with its key",
		want: "200 access_token:opaque expires_in:3600 id_token refresh_token scope:openid offline_access token_type:DPoP DPoP-Nonce",
		play: func(p *party) answer {
			key := dpop.NewKey()
			return p.renewed(key, p.well(p.renewed(key, p.boundLogin(key))))
		},
	},
	{
		name: "refresh with another key",
		want: "400 invalid_grant error_description DPoP-Nonce",
		play: func(p *party) answer { return p.renewed(dpop.NewKey(), p.boundLogin(dpop.NewKey())) },
	},
	{
		name: "refresh without a key",
		want: "400 invalid_grant error_description",
		play: func(p *party) answer { return p.refresh(p.boundLogin(dpop.NewKey()).text("refresh_token")) },
	},
	{
		name: "refresh with its key after another",
		want: "200 access_token:opaque expires_in:3600 id_token refresh_token scope:openid offline_access token_type:DPoP DPoP-Nonce",
		play: func(p *party) answer {
			p.strict()
			key := dpop.NewKey()
			login := p.boundLogin(key)
			p.renewed(dpop.NewKey(), login)
			p.refresh(login.text("refresh_token"))
			return p.renewed(key, login)
		},
	},
	{
		name: "refresh of what is not bound, with a key",
		want: "200 access_token:opaque expires_in:3600 id_token refresh_token scope:openid offline_access token_type:DPoP DPoP-Nonce",
		play: func(p *party) answer { return p.renewed(dpop.NewKey(), p.login()) },
	},
	{
		name: "and after that without",
		want: "200 access_token:opaque expires_in:3600 id_token refresh_token scope:openid offline_access token_type:Bearer",
		play: func(p *party) answer {
			return p.refresh(p.well(p.renewed(dpop.NewKey(), p.login())).text("refresh_token"))
		},
	},
	{
		name: "refresh with another key of a client with a secret",
		want: "200 access_token:opaque expires_in:3600 id_token refresh_token scope:openid offline_access token_type:DPoP DPoP-Nonce",
		play: func(p *party) answer {
			code := p.codeOf(request("client_id", "basic", "redirect_uri", appCallback, "scope", "openid offline_access", "prompt", "consent"))
			login := p.well(p.bound(dpop.NewKey(), "basic", spendingForm(code, "redirect_uri", appCallback)))
			return p.bound(dpop.NewKey(), "basic", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {login.text("refresh_token")}})
		},
	},
	{name: "a client that must, with a key", want: boundOpaque, play: func(p *party) answer {
		return p.bound(dpop.NewKey(), "binding", spendingForm(p.code("client_id", "binding")))
	}},
	{
		name: "a client that must, without",
		want: "400 invalid_grant error_description",
		play: func(p *party) answer {
			form, _ := p.as("binding", spendingForm(p.code("client_id", "binding")))
			return p.post(p.endpoint("token_endpoint"), form)
		},
	},

	{name: "dpop_jkt", want: boundOpaque, play: spentBy("dpop_jkt", func(own, _ *dpop.Key) []*dpop.Key { return []*dpop.Key{own} })},
	{
		name: "dpop_jkt and another key",
		want: "400 invalid_grant error_description DPoP-Nonce",
		play: spentBy("dpop_jkt", func(_, other *dpop.Key) []*dpop.Key { return []*dpop.Key{other} }),
	},
	{
		name: "dpop_jkt and no key",
		want: "400 invalid_grant error_description",
		play: spentBy("dpop_jkt", func(_, _ *dpop.Key) []*dpop.Key { return []*dpop.Key{nil} }),
	},
	{
		name: "dpop_jkt and its key after another",
		want: "400 invalid_grant error_description DPoP-Nonce",
		play: spentBy("dpop_jkt", func(own, other *dpop.Key) []*dpop.Key { return []*dpop.Key{other, own} }),
	},
	{name: "dpop_jkt, pushed", want: boundOpaque, play: spentBy("pushed dpop_jkt", func(own, _ *dpop.Key) []*dpop.Key { return []*dpop.Key{own} })},
	{
		name: "dpop_jkt, pushed, and another key",
		want: "400 invalid_grant error_description DPoP-Nonce",
		play: spentBy("pushed dpop_jkt", func(_, other *dpop.Key) []*dpop.Key { return []*dpop.Key{other} }),
	},
	{name: "pushed with a proof", want: boundOpaque, play: spentBy("proof", func(own, _ *dpop.Key) []*dpop.Key { return []*dpop.Key{own} })},
	{
		name: "pushed with a proof, and another key",
		want: "400 invalid_grant error_description DPoP-Nonce",
		play: spentBy("proof", func(_, other *dpop.Key) []*dpop.Key { return []*dpop.Key{other} }),
	},
	{
		name: "pushed with a proof by another key than dpop_jkt",
		want: "400 invalid_request error_description DPoP-Nonce",
		play: func(p *party) answer {
			return p.boundAt("pushed_authorization_request_endpoint", dpop.NewKey(), "native", request("dpop_jkt", dpop.NewKey().Thumbprint()))
		},
	},

	{name: "another method", want: badProof, play: proved(map[string]any{"htm": "GET"})},
	{name: "another URL", want: badProof, play: proved(map[string]any{"htu": "https://evil.example/token"})},
	{name: "a slash more", want: badProof, play: func(p *party) answer { return proved(map[string]any{"htu": p.endpoint("token_endpoint") + "/"})(p) }},
	{name: "with a query", want: boundOpaque, play: func(p *party) answer {
		return proved(map[string]any{"htu": p.endpoint("token_endpoint") + "?a=b#c"})(p)
	}},
	{name: "without an ID", want: badProof, play: proved(map[string]any{"jti": nil})},
	{name: "without a time", want: badProof, play: proved(map[string]any{"iat": nil})},
	{name: "without a URL", want: badProof, play: proved(map[string]any{"htu": nil})},
	{
		name: "an old one",
		want: "400 use_dpop_nonce error_description DPoP-Nonce",
		play: proved(map[string]any{"iat": time.Now().Add(-time.Hour).Unix()}),
	},
	{
		name: "one of the future",
		want: "400 use_dpop_nonce error_description DPoP-Nonce",
		play: proved(map[string]any{"iat": time.Now().Add(time.Hour).Unix()}),
	},
	{name: "another typ", want: badProof, play: headed(map[string]any{"typ": "jwt"})},
	{name: "no typ", want: badProof, play: headed(map[string]any{"typ": nil})},
	{name: "no key in it", want: badProof, play: headed(map[string]any{"jwk": nil})},
	{name: "another signature", want: badProof, play: func(p *party) answer {
		proof := p.proof(nil, nil)
		return p.sentProofs(spendingForm(p.code()), proof[:len(proof)-8]+"AAAAAAAA")
	}},
	{name: "not a JWT", want: badProof, play: func(p *party) answer { return p.sentProofs(spendingForm(p.code()), "x") }},
	{name: "two of them", want: badProof, play: func(p *party) answer {
		return p.sentProofs(spendingForm(p.code()), p.proof(nil, nil), p.proof(nil, nil))
	}},
	{
		name: "the same one twice",
		want: "400 invalid_grant error_description DPoP-Nonce",
		own:  badProof + " DPoP-Nonce", because: usedProof,
		play: func(p *party) answer {
			proof := p.proof(nil, nil)
			p.well(p.sentProofs(spendingForm(p.code()), proof))
			return p.sentProofs(spendingForm(p.code()), proof)
		},
	},
	{name: "a good one after a bad one", want: boundOpaque, play: func(p *party) answer {
		form := spendingForm(p.code())
		p.sentProofs(form, p.proof(map[string]any{"htm": "GET"}, nil))
		return p.sentProofs(form, p.proof(nil, nil))
	}},

	{
		name: "no nonce where one is demanded",
		want: "400 use_dpop_nonce error_description DPoP-Nonce",
		play: func(p *party) answer {
			p.nonces()
			return p.bound(dpop.NewKey(), "nonce", spendingForm(p.code("client_id", "nonce")))
		},
	},
	{
		name: "the nonce that was demanded",
		want: "200 access_token:opaque expires_in:3600 id_token scope:openid token_type:DPoP",
		play: withNonce(func(given string) string { return given }, nil),
	},
	{
		name: "the nonce in an old proof",
		want: "200 access_token:opaque expires_in:3600 id_token scope:openid token_type:DPoP",
		play: withNonce(func(given string) string { return given }, map[string]any{"iat": time.Now().Add(-time.Hour).Unix()}),
	},
	{
		name: "a nonce that was not given",
		want: "400 use_dpop_nonce error_description DPoP-Nonce",
		play: withNonce(func(string) string { return strings.Repeat("A", 43) }, nil),
	},
	{
		name: "a nonce that was not given where none is demanded",
		want: "400 use_dpop_nonce error_description DPoP-Nonce",
		play: proved(map[string]any{"nonce": strings.Repeat("A", 43)}),
	},

	{name: "userinfo", want: "200 sub DPoP-Nonce", play: asked(nil)},
	{
		name: "userinfo with another key",
		want: "401 invalid_token error_description WWW-Authenticate:DPoP DPoP-Nonce",
		play: asked(func(p *party, _ *dpop.Key, token string) answer {
			return p.askedWith(dpop.NewKey(), dpop.Scheme, token, token)
		}),
	},
	{
		name: "userinfo with a proof for another token",
		want: "401 invalid_dpop_proof error_description WWW-Authenticate:DPoP",
		play: asked(func(p *party, key *dpop.Key, token string) answer { return p.askedWith(key, dpop.Scheme, token, "x") }),
	},
	{
		name: "userinfo without a proof",
		want: "401 invalid_token error_description WWW-Authenticate:DPoP",
		play: asked(func(p *party, _ *dpop.Key, token string) answer { return p.userinfo("Bearer " + token) }),
	},
	{
		name: "userinfo without a proof by the scheme of one",
		want: "400 invalid_request error_description WWW-Authenticate:DPoP",
		play: asked(func(p *party, _ *dpop.Key, token string) answer { return p.userinfo("DPoP " + token) }),
	},
	{
		name: "userinfo with a proof by the other scheme",
		want: "400 invalid_request error_description WWW-Authenticate:DPoP",
		play: asked(func(p *party, key *dpop.Key, token string) answer { return p.askedWith(key, "Bearer", token, token) }),
	},
	{
		name: "userinfo with a proof and a token that is not bound",
		want: "401 invalid_token error_description WWW-Authenticate:DPoP DPoP-Nonce",
		play: func(p *party) answer {
			token := p.well(p.exchange(p.code())).text("access_token")
			return p.askedWith(dpop.NewKey(), dpop.Scheme, token, token)
		},
	},
}
