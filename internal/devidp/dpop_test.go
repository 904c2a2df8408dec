package devidp_test

import (
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"mcp-login/internal/devidp"
	"mcp-login/internal/dpop"
)

// proof of a key for an endpoint below the issuer.
func (r *rig) proof(key *dpop.Key, method, path, token, nonce string) string {
	r.t.Helper()
	target, err := url.Parse(r.idp.Issuer() + path)
	if err != nil {
		r.t.Fatal(err)
	}
	proof, err := key.Proof(method, target, token, nonce, time.Now())
	if err != nil {
		r.t.Fatal(err)
	}
	return proof
}

// boundForm sends a form with a proof, nil for none, to an endpoint below the issuer.
func (r *rig) boundForm(key *dpop.Key, path string, form url.Values) answer {
	r.t.Helper()
	if key == nil {
		return r.post(r.idp.Issuer()+path, form)
	}
	return r.post(r.idp.Issuer()+path, form, dpop.ProofHeader, r.proof(key, http.MethodPost, path, "", ""))
}

func spending(code string) url.Values {
	return url.Values{"client_id": {"native"}, "grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {verifier}}
}

func renewing(token string) url.Values {
	return url.Values{"client_id": {"native"}, "grant_type": {"refresh_token"}, "refresh_token": {token}}
}

// thumbprintIn is cnf.jkt.
func thumbprintIn(claims map[string]any) any {
	cnf, _ := claims["cnf"].(map[string]any)
	return cnf["jkt"]
}

// asKey asks userinfo with a token that is bound to a key.
func (r *rig) asKey(key *dpop.Key, token string) answer {
	r.t.Helper()
	req := r.request(http.MethodGet, r.idp.Issuer()+"/me", "")
	req.Header.Set("Authorization", dpop.Scheme+" "+token)
	req.Header.Set(dpop.ProofHeader, r.proof(key, http.MethodGet, "/me", token, ""))
	return r.do(req)
}

var offline = []string{"scope", "openid profile offline_access mcp:read", "prompt", "consent", "resource", resource}

// RFC 9449 sections 5 and 6: with a proof the tokens are bound to its key, in the token, at
// introspection and at userinfo; a public client's refresh token is worth nothing with
// another key or with none, and stays good for its own. Without a proof nothing changes.
func TestTokensAreBoundToAKey(t *testing.T) {
	r := start(t, nil)
	key, thief := dpop.NewKey(), dpop.NewKey()
	a := r.boundForm(key, "/token", with(spending(r.code(offline...)), "resource", resource))
	if a.status != 200 || a.text("token_type") != "DPoP" || thumbprintIn(r.claims(a.text("access_token"))) != key.Thumbprint() {
		t.Fatalf("status %d, error %q, type %q", a.status, a.text("error"), a.text("token_type"))
	}
	token := a.text("refresh_token")
	for range 2 {
		r.boundForm(thief, "/token", renewing(token)).wantError(400, "invalid_grant")
		r.boundForm(nil, "/token", renewing(token)).wantError(400, "invalid_grant")
		if a = r.boundForm(key, "/token", renewing(token)); a.status != 200 || a.text("token_type") != "DPoP" {
			t.Fatalf("its own key: status %d, type %q", a.status, a.text("token_type"))
		}
		token = a.text("refresh_token")
	}
	if n := r.idp.Stats().ReuseDetections; n != 0 {
		t.Errorf("the thief has ended the login: %d", n)
	}
	opaque := a.text("access_token")
	if info := r.asKey(key, opaque); info.status != 200 || info.text("username") != "alice" {
		t.Errorf("userinfo: status %d", info.status)
	}
	r.asKey(thief, opaque).wantError(401, "invalid_token")
	r.userinfo(opaque).wantError(401, "invalid_token")
	in := r.post(r.idp.Issuer()+"/token/introspection", url.Values{"client_id": {"native"}, "token": {opaque}}).members()
	if in["token_type"] != "DPoP" || thumbprintIn(in) != key.Thumbprint() {
		t.Errorf("introspection: %v", in)
	}
	bearer := r.login("resource", resource)
	if claims := r.claims(r.refresh(bearer.text("refresh_token"), "resource", resource).text("access_token")); bearer.text("token_type") != "Bearer" || claims["cnf"] != nil {
		t.Errorf("without a proof: type %q, cnf %v", bearer.text("token_type"), claims["cnf"])
	}
}

// RFC 9449 section 10: a code is bound by dpop_jkt, at the authorization endpoint or pushed,
// and by a proof that comes with the pushed request.
func TestCodesAreBoundToAKey(t *testing.T) {
	r := start(t, nil)
	key, thief := dpop.NewKey(), dpop.NewKey()
	for name, code := range map[string]func() string{
		"at the authorization endpoint": func() string { return r.code("dpop_jkt", key.Thumbprint()) },
		"pushed":                        func() string { return r.signIn(r.pushed("dpop_jkt", key.Thumbprint()), "alice").Get("code") },
		"by a proof": func() string {
			a := r.boundForm(key, "/request", params())
			return r.signIn(url.Values{"client_id": {"native"}, "request_uri": {a.text("request_uri")}}, "alice").Get("code")
		},
	} {
		for who, with := range map[string]*dpop.Key{"another key": thief, "no key": nil, "": key} {
			if a := r.boundForm(with, "/token", spending(code())); (a.status == 200) != (who == "") {
				t.Errorf("%s, %s: status %d", name, who, a.status)
			} else if who != "" {
				a.wantError(400, "invalid_grant")
			}
		}
	}
	r.boundForm(thief, "/request", params("dpop_jkt", key.Thumbprint())).wantError(400, "invalid_request")
}

// Bad proofs spend nothing: the code is good after all of them.
func TestBadProofs(t *testing.T) {
	r := start(t, nil)
	key, form := dpop.NewKey(), spending(r.code())
	send := func(proofs ...string) answer {
		req := r.form(r.idp.Issuer()+"/token", form)
		req.Header[dpop.ProofHeader] = proofs
		return r.do(req)
	}
	used := r.proof(key, http.MethodPost, "/token", "", "")
	for name, proof := range map[string]string{
		"no JWT": "x", "empty": "", "another method": r.proof(key, http.MethodGet, "/token", "", ""), "another URL": r.proof(key, http.MethodPost, "/request", "", ""),
	} {
		if a := send(proof); a.status != 400 || a.text("error") != "invalid_dpop_proof" {
			t.Errorf("%s: status %d, error %q", name, a.status, a.text("error"))
		}
	}
	send(used, r.proof(key, http.MethodPost, "/token", "", "")).wantError(400, "invalid_dpop_proof")
	if a := send(used); a.status != 200 {
		t.Errorf("status %d, error %q", a.status, a.text("error"))
	}
	form = spending(r.code())
	send(used).wantError(400, "invalid_dpop_proof") // a second time
	if a := send(r.proof(key, http.MethodPost, "/token", "", "")); a.status != 200 {
		t.Errorf("status %d, error %q", a.status, a.text("error"))
	}
}

// RFC 9449 section 8: nonces where they are demanded, and what happens where none is taken.
func TestNonces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := inBubble(t, func(c *devidp.Config) { c.Faults.DPoPNonce = true })
		key, form := dpop.NewKey(), spending(r.code())
		send := func(nonce string) answer {
			return r.post(r.idp.Issuer()+"/token", form, dpop.ProofHeader, r.proof(key, http.MethodPost, "/token", "", nonce))
		}
		a := send("")
		a.wantError(400, "use_dpop_nonce")
		send("made up").wantError(400, "use_dpop_nonce")
		nonce := a.header.Get(dpop.NonceHeader)
		<-time.After(2 * time.Minute)
		form = spending(r.code())
		if a := send(nonce); a.status != 200 || a.header.Get(dpop.NonceHeader) == nonce || a.header.Get(dpop.NonceHeader) == "" {
			t.Errorf("status %d, the next nonce %q", a.status, a.header.Get(dpop.NonceHeader))
		}
		form = spending(r.code())
		<-time.After(4 * time.Minute)
		send(nonce).wantError(400, "use_dpop_nonce")
		r.idp.SetFaults(devidp.Faults{NonceStorm: true})
		send("").wantError(400, "use_dpop_nonce")
		for range 3 {
			a := send(nonce)
			a.wantError(400, "use_dpop_nonce")
			if next := a.header.Get(dpop.NonceHeader); next == nonce || next == "" {
				t.Errorf("nonce %q again", next)
			} else {
				nonce = next
			}
		}
		r.idp.SetFaults(devidp.Faults{})
		old := r.proof(key, http.MethodPost, "/token", "", "")
		<-time.After(5*time.Minute + time.Second)
		form = spending(r.code())
		r.post(r.idp.Issuer()+"/token", form, dpop.ProofHeader, old).wantError(400, "use_dpop_nonce")
	})
}

// A proof is remembered for as long as it is young enough to be taken, also one that a clock which
// is ahead made.
func TestAProofIsRememberedToItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := inBubble(t, nil)
		target, err := url.Parse(r.idp.Issuer() + "/token")
		if err != nil {
			t.Fatal(err)
		}
		ahead, err := dpop.NewKey().Proof(http.MethodPost, target, "", "", time.Now().Add(5*time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		send := func() answer {
			return r.post(target.String(), spending(r.code()), dpop.ProofHeader, ahead)
		}
		if a := send(); a.status != 200 {
			t.Fatalf("status %d", a.status)
		}
		<-time.After(9 * time.Minute)
		send().wantError(400, "invalid_dpop_proof")
		<-time.After(time.Minute + time.Second)
		send().wantError(400, "use_dpop_nonce")
	})
}

// A proof is passed over where the configuration says so, and demanded of a client that is
// registered so (RFC 9449, section 5.2), over the wire as well.
func TestWhoseTokensAreBound(t *testing.T) {
	r := start(t, func(c *devidp.Config) { c.NoDPoP = true })
	key := dpop.NewKey()
	if a := r.boundForm(key, "/token", spending(r.code("dpop_jkt", key.Thumbprint()))); a.text("token_type") != "Bearer" || r.metadata()["dpop_signing_alg_values_supported"] != nil {
		t.Errorf("without DPoP: status %d, type %q", a.status, a.text("token_type"))
	}
	r = start(t, registering)
	id := r.register(`{"redirect_uris":["http://127.0.0.1/callback"],"application_type":"native","token_endpoint_auth_method":"none","dpop_bound_access_tokens":true}`).text("client_id")
	form := with(spending(r.code("client_id", id)), "client_id", id)
	r.boundForm(nil, "/token", form).wantError(400, "invalid_grant")
	if a := r.boundForm(key, "/token", form); a.text("token_type") != "DPoP" {
		t.Errorf("status %d, type %q", a.status, a.text("token_type"))
	}
	token, err := r.idp.IssueToken(devidp.TokenRequest{ClientID: "native", Resource: resource, Thumbprint: key.Thumbprint()})
	if err != nil || thumbprintIn(r.claims(token)) != key.Thumbprint() {
		t.Errorf("issued without a login: %v", err)
	}
}
