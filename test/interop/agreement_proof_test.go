package interop

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"mcp-login/internal/dpop"
)

// spendingForm is the request of "native" that spends a code, changed by pairs.
func spendingForm(code string, pairs ...string) url.Values {
	return with(url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {theCallback}, "code_verifier": {theVerifier}}, pairs...)
}

// boundAt sends a form of a client with a proof, nil for none, to an endpoint.
func (p *party) boundAt(endpoint string, key *dpop.Key, id string, form url.Values) answer {
	p.Helper()
	form, change := p.as(id, form)
	a, _ := p.send(once(nil), http.MethodPost, p.endpoint(endpoint), form, func(r *http.Request) {
		if change != nil {
			change(r)
		}
		if key == nil {
			return
		}
		if err := key.Sign(r, "", "", time.Now()); err != nil {
			p.Fatal(err)
		}
	})
	return a
}

func (p *party) bound(key *dpop.Key, id string, form url.Values) answer {
	p.Helper()
	return p.boundAt("token_endpoint", key, id, form)
}

func (p *party) boundCode(key *dpop.Key, pairs ...string) answer {
	p.Helper()
	return p.well(p.bound(key, "native", spendingForm(p.code(pairs...))))
}

func (p *party) boundLogin(key *dpop.Key) answer {
	p.Helper()
	return p.boundCode(key, "scope", "openid offline_access", "prompt", "consent")
}

// renewed spends the refresh token of an answer.
func (p *party) renewed(key *dpop.Key, login answer) answer {
	p.Helper()
	return p.bound(key, "native", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {login.text("refresh_token")}})
}

// spentBy spends one code, bound to a key in one of three ways, with the keys chosen one
// after the other.
func spentBy(way string, keys func(own, other *dpop.Key) []*dpop.Key) func(*party) answer {
	return func(p *party) answer {
		own := dpop.NewKey()
		code := ""
		switch q := request("dpop_jkt", own.Thumbprint()); way {
		case "dpop_jkt":
			code = p.codeOf(q)
		case "pushed dpop_jkt":
			code = p.byPush(q, "alice").text("code")
		case "proof":
			pushed := p.well(p.boundAt("pushed_authorization_request_endpoint", own, "native", request()))
			code = p.codeOf(url.Values{"client_id": {"native"}, "request_uri": {pushed.text("request_uri")}})
		}
		var last answer
		for _, key := range keys(own, dpop.NewKey()) {
			last = p.bound(key, "native", spendingForm(code))
		}
		return last
	}
}

// proof for the token endpoint by the key of the world, its claims and its header changed; nil removes.
func (p *party) proof(claims, header map[string]any) string {
	p.Helper()
	c := jwt.MapClaims{"jti": rand.Text(), "htm": http.MethodPost, "htu": p.endpoint("token_endpoint"), "iat": time.Now().Unix()}
	jwk := p.client("m2m-key").Keys.Keys[0]
	h := map[string]any{"typ": dpop.Type, "alg": "ES256", "jwk": map[string]any{"kty": jwk.KTY, "crv": jwk.CRV, "x": jwk.X, "y": jwk.Y}}
	for from, to := range map[*map[string]any]map[string]any{&claims: c, &header: h} {
		for name, value := range *from {
			if to[name] = value; value == nil {
				delete(to, name)
			}
		}
	}
	token := &jwt.Token{Header: h, Claims: c, Method: jwt.SigningMethodES256}
	text, err := token.SignedString(p.world.key)
	if err != nil {
		p.Fatal(err)
	}
	return text
}

// sentProofs sends a form of "native" to the token endpoint with proofs.
func (p *party) sentProofs(form url.Values, proofs ...string) answer {
	p.Helper()
	form, _ = p.as("native", form)
	a, _ := p.send(once(nil), http.MethodPost, p.endpoint("token_endpoint"), form, func(r *http.Request) { r.Header[dpop.ProofHeader] = proofs })
	return a
}

func proved(claims map[string]any) func(*party) answer {
	return func(p *party) answer { return p.sentProofs(spendingForm(p.code()), p.proof(claims, nil)) }
}

func headed(header map[string]any) func(*party) answer {
	return func(p *party) answer { return p.sentProofs(spendingForm(p.code()), p.proof(nil, header)) }
}

// withNonce spends a code of the client whose proofs must have nonces, with one that is made
// of what was given.
func withNonce(choose func(given string) string, claims map[string]any) func(*party) answer {
	return func(p *party) answer {
		p.nonces()
		form, _ := p.as("nonce", spendingForm(p.code("client_id", "nonce")))
		change := map[string]any{}
		for name, value := range claims {
			change[name] = value
		}
		change["nonce"] = choose(p.bound(dpop.NewKey(), "nonce", form).header.Get(dpop.NonceHeader))
		return p.sentProofs(form, p.proof(change, nil))
	}
}

// asked asks userinfo with a bound token; nil asks as it should be.
func asked(ask func(p *party, key *dpop.Key, token string) answer) func(*party) answer {
	return func(p *party) answer {
		key := dpop.NewKey()
		token := p.boundCode(key).text("access_token")
		if ask == nil {
			return p.askedWith(key, dpop.Scheme, token, token)
		}
		return ask(p, key, token)
	}
}

// askedWith asks userinfo with a token and a proof for one.
func (p *party) askedWith(key *dpop.Key, scheme, token, proven string) answer {
	p.Helper()
	a, _ := p.send(once(nil), http.MethodGet, p.endpoint("userinfo_endpoint"), nil, func(r *http.Request) {
		if err := key.Sign(r, proven, "", time.Now()); err != nil {
			p.Fatal(err)
		}
		r.Header.Set("Authorization", scheme+" "+token)
	})
	return a
}
