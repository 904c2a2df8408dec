package grant

import (
	"net/url"
	"slices"
	"strings"
	"testing"
)

// Members of an endpoint's query that some provider would read as one that the
// request owns, however it is spelled; what has a plain name of its own stays.
func TestEndpointKeepsOnlyItsEndpointURL(t *testing.T) {
	for _, member := range []string{
		"resource", "Resource", "RESOURCE", "resource[]", "resource%5B0%5D", "resource[a][b]", "resource%00", "%00resource", "resource%00x", "%20resource", "resource%20", "+resource", "resource+",
		"%09resource", "resource%0a", "resource%0d%0a", "%c2%a0resource", "%ef%bb%bfresource", "%e2%80%8bresource", "re%73ource", "%72%65%73%6f%75%72%63%65", "%u0072esource",
		"%ef%bd%92esource", "%c5%bfcope", "%c5%bftate", "toke%e2%84%aan", "redirect%2euri", "redirect.uri", "redirect+uri", "redirect%20uri", "Redirect.Uri", "redirect[uri", "redirect%5Furi", "response.mode",
		"resource;", "x;resource", "x%3bresource", "amp;resource", "resource%26x", "resource%3dx", "\"resource\"", "'resource'", "resource\\", "resource\\[\\]", "$.resource", "resource:", "resource/",
		"authorization_details", "Authorization_Details[]", "claims", "request_uri[]", "client_assertion", "code_challenge", "code_challenge_method", "nonce", "", "%", "%zz",
	} {
		u := &url.URL{Scheme: "https", Host: "p.example", Path: "/a", RawQuery: "keep=1&" + member + "=evil&p=B2C_1_x&a-b.c_d=2"}
		if got := EndpointURL(u, nil).RawQuery; got != "keep=1&p=B2C_1_x&a-b.c_d=2" {
			t.Errorf("%q: %s", member, got)
		}
	}
	// What a request sets itself is its own as well, in every spelling.
	for _, member := range []string{"prompt", "PROMPT", "p%72ompt", "prompt[]", "ac.r"} {
		u := &url.URL{Scheme: "https", Host: "p.example", RawQuery: member + "=evil"}
		if got := EndpointURL(u, url.Values{"prompt": {"x"}, "ac_r": nil}).RawQuery; got != "" {
			t.Errorf("%q: %s", member, got)
		}
	}
}

// Whatever an endpoint's query is, what is left of it are members with plain names
// that no request owns, as they were and in their order.
func FuzzEndpointQuery(f *testing.F) {
	for _, query := range []string{"a=b", "resource=x&keep=1", "re%73ource[]=x&&=&a;b", "a.b_C-d=%zz", "%00=1", "request.URI=x"} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		got := EndpointURL(&url.URL{Scheme: "https", Host: "p.example", RawQuery: query}, url.Values{"prompt": nil}).RawQuery
		rest := strings.Split(query, "&")
		for member := range strings.SplitSeq(got, "&") {
			if got == "" {
				return
			}
			at := slices.Index(rest, member)
			if at < 0 {
				t.Fatalf("%q: %q is not of it, or out of order", query, member)
			}
			rest = rest[at+1:]
			raw, _, _ := strings.Cut(member, "=")
			name, err := url.QueryUnescape(raw)
			name = strings.ReplaceAll(strings.ToLower(name), ".", "_")
			if err != nil || !plainName(name) || name == "prompt" || slices.Contains(reservedParams, name) || slices.Contains(requestParams, name) || strings.Contains(member, ";") {
				t.Fatalf("%q: %q is kept", query, member)
			}
		}
	})
}
