package oauth

import (
	"net/http"
	"strings"
	"testing"
)

// C5: scheme and parameter names in any case, several challenges in one or
// many lines, quoted commas and escapes, bare tokens, other schemes first.
func TestC5BearerChallenge(t *testing.T) {
	cases := []struct {
		name     string
		lines    []string
		found    bool
		metadata string
		scope    string
		code     string
	}{
		{"absent", nil, false, "", "", ""},
		{"bare scheme", []string{"Bearer"}, true, "", "", ""},
		{"quoted", []string{`Bearer resource_metadata="https://a.example/m", scope="x y", error="invalid_token"`}, true, "https://a.example/m", "x y", "invalid_token"},
		{"any case", []string{`bEARER Resource_Metadata="https://a.example/m", SCOPE=x`}, true, "https://a.example/m", "x", ""},
		{"comma and escape inside quotes", []string{`Bearer realm="a, b \"c\", error=x", scope="s"`}, true, "", "s", ""},
		{"escaped value", []string{`Bearer scope="a\"b"`}, true, "", `a"b`, ""},
		{"bare URL", []string{`Bearer resource_metadata=https://a.example/m?x=1, scope=s`}, true, "https://a.example/m?x=1", "s", ""},
		{"Basic before, one line", []string{`Basic realm="x", Bearer scope="s"`}, true, "", "s", ""},
		{"Negotiate before", []string{`Negotiate YWJj==, Bearer scope=s`}, true, "", "s", ""},
		{"DPoP before with parameters", []string{`DPoP algs="ES256 RS256", error="use_dpop_nonce", Bearer error="invalid_token"`}, true, "", "", "invalid_token"},
		{"two lines", []string{`Basic realm=x`, `Bearer scope="s"`}, true, "", "s", ""},
		{"the one with parameters", []string{`Bearer, Bearer scope="s"`}, true, "", "s", ""},
		{"blanks around the sign", []string{`Bearer scope = "s" , error = invalid_token`}, true, "", "s", "invalid_token"},
		{"doubled parameter: first counts", []string{`Bearer scope="a", scope="b"`}, true, "", "a", ""},
		{"no comma between parameters", []string{`Bearer realm="r" scope="s"`}, true, "", "s", ""},
		{"unterminated quote", []string{`Bearer scope="a b`}, true, "", "a b", ""},
		{"only others", []string{`Basic realm="Bearer scope=x"`}, false, "", "", ""},
		{"leading commas", []string{`,, ,Bearer scope=s,,`}, true, "", "s", ""},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			c, found := BearerChallenge(http.Header{"Www-Authenticate": tc.lines})
			if found != tc.found || c.ResourceMetadata() != tc.metadata || strings.Join(c.Scopes(), " ") != tc.scope || c.ErrorCode() != tc.code {
				t.Errorf("got found=%v metadata=%q scope=%q error=%q", found, c.ResourceMetadata(), c.Scopes(), c.ErrorCode())
			}
		})
	}
}

// C5: a Negotiate value is not taken for a parameter.
func TestC5Token68(t *testing.T) {
	list := ParseChallenges([]string{"Negotiate abc/+==, Bearer"})
	if len(list) != 2 || list[0].Token68 != "abc/+==" || list[1].Scheme != "bearer" {
		t.Fatalf("got %+v", list)
	}
}

func TestChallengeBounds(t *testing.T) {
	many := strings.Repeat(`Bearer a=1, b=2, c=3, `, 10_000)
	list := ParseChallenges([]string{many})
	params := 0
	for _, c := range list {
		params += len(c.Params)
	}
	if len(list) > maxChallenges || params > maxChallengeParams {
		t.Fatalf("%d challenges, %d parameters", len(list), params)
	}
}
