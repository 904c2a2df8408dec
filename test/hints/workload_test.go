package hints

import (
	"encoding/json"
	"net/http"

	"mcp-login/internal/devidp"
)

// distrusts is a provider that takes no token of a platform.
func distrusts(c *devidp.Config) {
	c.Faults.Endpoints = map[string]http.HandlerFunc{"POST /token": func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"error":"invalid_grant"}`))
	}}
}

// trusts is that the provider takes every one.
func trusts(w *world) {
	w.idp.SetFaults(devidp.Faults{Endpoints: map[string]http.HandlerFunc{"POST /token": func(rw http.ResponseWriter, r *http.Request) {
		token, err := w.idp.IssueToken(devidp.TokenRequest{Resource: r.PostFormValue("resource")})
		if err == nil {
			err = json.NewEncoder(rw).Encode(map[string]any{"access_token": token, "token_type": "Bearer"})
		}
		if err != nil {
			w.t.Error(err)
		}
	}}})
}

// mint writes a token of the platform with these claims to the file t.
const mint = `mint() { printf 'e30.%s.c2ln' "$(printf %s "$1" | openssl base64 -A | tr '+/' '-_' | tr -d =)" >t; }; `

// ofThePlatform are the hints about the token of the platform.
func ofThePlatform() []row {
	const (
		tools = `mcp-login tools --assertion file:t $URL`
		good  = mint + `mint '{"aud":"'$ISSUER'","exp":4102444800}'; `
		still = "invalid_grant"
	)
	return []row{
		{hint: "write it as --assertion file:PATH, env:NAME, 'command:PROGRAM ARGUMENT…', spiffe, gcp or github", lab: distrusts, when: `mcp-login tools --assertion t $URL`, does: good + tools, still: still},
		{hint: "let it hold the bare token: three parts with dots between them, without the word Bearer and without quotes", lab: distrusts, when: `echo Bearer x.y.z >t; ` + tools, does: good + tools, still: still},
		{hint: "let the platform make it for the audience of exactly this provider; or, if this provider trusts the platform and may use the token at whom it is for as well…", lab: distrusts, when: mint + `mint '{"aud":"x","exp":4102444800}'; ` + tools, does: `mcp-login tools --assertion file:t --issuer $ISSUER $URL`, then: good + tools, still: still},
		{hint: "let the platform make one that ends", lab: distrusts, when: mint + `mint '{"aud":"'$ISSUER'"}'; ` + tools, does: good + tools, still: still},
		{hint: "look why the platform has not replaced it, and whether the clock of this machine is right", lab: distrusts, when: mint + `mint '{"aud":"'$ISSUER'","exp":1000000000}'; ` + tools, does: good + tools, still: still},
		{hint: "look whether the clock of this machine is right", lab: distrusts, when: mint + `mint '{"aud":"'$ISSUER'","exp":4102444800,"nbf":4102444799}'; ` + tools, does: good + tools, still: still},
		{hint: "add --client-credentials --assertion SOURCE", before: `true`, meanwhile: trusts, when: good + `mcp-login tools --client-credentials --client-id a --assertion file:t $URL; mcp-login login --again --client-credentials --client-id a $URL`, does: `mcp-login login --again --client-credentials --client-id a --assertion file:t $URL`},
		{hint: "look at what the provider trusts: the issuer, the subject and the audience of the token", lab: distrusts, when: good + `mcp-login doctor --assertion file:t $URL`, mend: trusts, does: `mcp-login doctor --assertion file:t $URL`, then: tools},
	}
}
