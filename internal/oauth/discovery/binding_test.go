package discovery

import (
	"errors"
	"net/url"
	"strings"
	"testing"
)

// A token is bound where the resource asks for that and both sides can do it, never because
// the authorization server alone could; where the resource takes no others, or the account is
// bound already, a side that cannot is an error.
func TestBinding(t *testing.T) {
	es, ps := []string{"PS256", "ES256"}, []string{"PS256"}
	bearer, both, only, odd := Challenge{Scheme: "bearer"}, Challenge{Scheme: "bearer", DPoP: true}, Challenge{Scheme: "dpop", DPoP: true, DPoPOnly: true}, Challenge{Scheme: "dpop", DPoPOnly: true}
	for name, tc := range map[string]struct {
		challenge Challenge
		resource  ResourceMetadata
		provider  []string
		bound     bool
		want      Binding
		fails     bool
	}{
		"nobody asks":                        {Challenge{}, ResourceMetadata{}, es, false, Unbound, false},
		"nobody asks, with a challenge":      {bearer, ResourceMetadata{}, es, false, Unbound, false},
		"either, by a challenge":             {both, ResourceMetadata{}, es, false, Bindable, false},
		"either, by metadata":                {bearer, ResourceMetadata{DPoPAlgorithms: es}, es, false, Bindable, false},
		"either, other algorithms":           {both, ResourceMetadata{DPoPAlgorithms: ps}, es, false, Unbound, false},
		"either, a provider that cannot":     {both, ResourceMetadata{DPoPAlgorithms: es}, ps, false, Unbound, false},
		"no others, by a challenge":          {only, ResourceMetadata{}, es, false, BoundOnly, false},
		"no others, by metadata":             {bearer, ResourceMetadata{DPoPOnly: true}, es, false, BoundOnly, false},
		"no others, other algorithms":        {odd, ResourceMetadata{}, es, false, Unbound, true},
		"no others, metadata with others":    {only, ResourceMetadata{DPoPAlgorithms: ps}, es, false, Unbound, true},
		"no others, a provider that cannot":  {only, ResourceMetadata{}, nil, false, Unbound, true},
		"bound before":                       {bearer, ResourceMetadata{}, es, true, BoundOnly, false},
		"bound before, a provider that lost": {bearer, ResourceMetadata{}, nil, true, Unbound, true},
	} {
		got, err := bindingOf(tc.challenge, &tc.resource, &ServerMetadata{Issuer: "https://idp.example", DPoPAlgorithms: tc.provider}, tc.bound)
		if got != tc.want || (err != nil) != tc.fails {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// What is kept of a provider may say nothing of what it can bind. Where the server asks for that,
// it is read anew, and only an outage has the kept copy used, never as a reason that tokens
// cannot be bound.
func TestKeptMetadataWithoutBinding(t *testing.T) {
	const optional, only = `"dpop_signing_alg_values_supported":["ES256"]`, `"dpop_bound_access_tokens_required":true`
	for name, tc := range map[string]struct{ asks, provider, want string }{
		"read anew":        {optional, metadataDoc("/t"), "/token"},
		"an outage":        {optional, "503 x", "/kept"},
		"gone":             {optional, "404 x", ""},
		"an outage, bound": {only, "503 x", ""},
	} {
		s := newSite(t)
		s.set("/.well-known/oauth-protected-resource/mcp", `{"resource":"$B/mcp","authorization_servers":["$B/t"],`+tc.asks+`}`)
		s.set("/.well-known/oauth-authorization-server/t", tc.provider)
		server, err := url.Parse(s.URL + "/mcp")
		if err != nil {
			t.Fatal(err)
		}
		r, err := Discover(t.Context(), NewGuard(server, nil, nil).HTTPClient(), Query{Server: server, Cached: ServerMetadata{Issuer: s.URL + "/t", TokenEndpoint: s.URL + "/kept"}})
		if got := strings.TrimPrefix(r.Server.TokenEndpoint, s.URL); got != tc.want || (err == nil) != (tc.want != "") || errors.Is(err, ErrUnavailable) != (tc.want == "" && tc.provider == "503 x") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}
