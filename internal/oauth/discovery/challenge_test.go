package discovery

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// RFC 9110, section 11.6.1: scheme and parameter names in any case, several challenges in one or
// many lines, quoted commas and escapes, bare tokens, other schemes first. Of two values the
// first counts, nothing crosses from one scheme to another, and nothing is unbounded.
func TestBearerChallengeIsFound(t *testing.T) {
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
		{"DPoP alone", []string{`DPoP resource_metadata="https://a.example/m", algs="ES256"`}, true, "https://a.example/m", "", ""},
		{"two lines", []string{`Basic realm=x`, `Bearer scope="s"`}, true, "", "s", ""},
		{"the one with parameters", []string{`Bearer, Bearer scope="s"`}, true, "", "s", ""},
		{"blanks around the sign", []string{`Bearer scope = "s" , error = invalid_token`}, true, "", "s", "invalid_token"},
		{"doubled parameter: first counts", []string{`Bearer scope="a", scope="b"`}, true, "", "a", ""},
		{"no comma between parameters", []string{`Bearer realm="r" scope="s"`}, true, "", "s", ""},
		{"unterminated quote", []string{`Bearer scope="a b`}, true, "", "a b", ""},
		{"only others", []string{`Basic realm="Bearer scope=x"`}, false, "", "", ""},
		{"leading commas", []string{`,, ,Bearer scope=s,,`}, true, "", "s", ""},
		{"another scheme's parameter", []string{`DPoP resource_metadata="https://evil", Bearer scope="a b"`}, true, "", "a b", ""},
		{"doubled metadata: first counts", []string{`Bearer resource_metadata="https://a", resource_metadata="https://evil"`}, true, "https://a", "", ""},
		{"doubled challenge: first counts", []string{`Bearer resource_metadata="https://a"`, `Bearer resource_metadata="https://evil"`}, true, "https://a", "", ""},
		{"quoted by another scheme", []string{`Basic realm="x, Bearer resource_metadata=\"https://evil\""`}, false, "", "", ""},
		{"an open quote of another scheme", []string{`Basic realm="x`, `Bearer resource_metadata="https://evil"`}, false, "", "", ""},
		{"controls in a scope", []string{`Bearer scope="a` + "\x00\x1b\u202e" + ` b"`}, true, "", "b", ""},
		{"an extended parameter", []string{`Bearer resource_metadata*=UTF-8''https%3A%2F%2Fevil`}, true, "", "", ""},
		{"a quoted scheme, and nonsense", []string{`"Bearer" resource_metadata="https://evil"`, `=`, `,,,;`, `"`}, true, "https://evil", "", ""},
		{"after endless words", []string{strings.Repeat("x ", 20_000) + `Bearer resource_metadata="https://evil"`}, false, "", "", ""},
		{"after endless challenges", []string{strings.Repeat(`Basic realm="x",`, 100) + `Bearer resource_metadata="https://evil"`}, false, "", "", ""},
		{"endless scopes", []string{`Bearer scope="` + strings.Repeat("s ", 1<<20) + `"`}, true, "", strings.TrimSuffix(strings.Repeat("s ", maxScopes), " "), ""},
		{"an endless scope", []string{`Bearer scope="` + strings.Repeat("s", 1<<20) + `"`}, true, "", "", ""},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			c, found := BearerChallenge(http.Header{"Www-Authenticate": tc.lines})
			if found != tc.found || c.ResourceMetadata() != tc.metadata || strings.Join(c.Scopes(), " ") != tc.scope || c.ErrorCode() != tc.code {
				t.Errorf("got found=%v metadata=%q scope=%.80q error=%q", found, c.ResourceMetadata(), c.Scopes(), c.ErrorCode())
			}
		})
	}
}

// RFC 9449, section 7.1: whether bound tokens are taken, and whether no others are; and which
// challenge is about a token that was bound.
func TestDPoPChallenge(t *testing.T) {
	for header, want := range map[string]struct {
		dpop, only bool
		code       string // for a bound token
	}{
		`Bearer error="a"`: {false, false, "a"},
		`DPoP error="b"`:   {true, true, "b"},
		`DPoP algs="PS256 ES256", error="b", Bearer error="a"`: {true, false, "b"},
		`Bearer error="a", DPoP algs="PS256"`:                  {false, false, "a"},
		`DPoP algs="PS256"`:                                    {false, true, ""},
		`DPoP algs=""`:                                         {false, true, ""},
		`Basic realm="DPoP"`:                                   {false, false, ""},
	} {
		h := http.Header{"Www-Authenticate": {header}}
		c, _ := BearerChallenge(h)
		bound, _ := DPoPChallenge(h)
		if c.DPoP != want.dpop || c.DPoPOnly != want.only || bound.ErrorCode() != want.code {
			t.Errorf("%s: DPoP %v, only %v, error of a bound token %q", header, c.DPoP, c.DPoPOnly, bound.ErrorCode())
		}
	}
}

// RFC 9110, section 11.2: a Negotiate value is not taken for a parameter.
func TestToken68IsNoParameter(t *testing.T) {
	list := ParseChallenges([]string{"Negotiate abc/+==, Bearer"})
	if len(list) != 2 || len(list[0].Params) != 0 || list[1].Scheme != "bearer" {
		t.Fatalf("got %+v", list)
	}
}

func TestChallengesAreBounded(t *testing.T) {
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

// quotedString spells s as RFC 9110 section 5.6.4 wants it.
func quotedString(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// Whatever a header holds, what is read of it stays in its bounds; what a
// server quotes is read back byte for byte and never taken for another
// challenge.
func FuzzChallenges(f *testing.F) {
	for _, s := range []string{
		`Bearer resource_metadata="https://a.example/m", scope="x y"`, `Basic realm="a", Negotiate abc==, Bearer`, `Bearer a="\`, `=,="`,
		`Bearer scope="\"`, `Bearer, Bearer scope=s`, "Bearer scope=\"a\r\nX: y\"", `x", Bearer scope="y`, strings.Repeat(`Bearer a=1,`, 100), "Bearer\t\xff=\x00",
	} {
		f.Add(s)
	}
	many := "Bearer "
	for i := range 2 * maxChallengeParams {
		many += "p" + strconv.Itoa(i) + "=v, "
	}
	f.Add(many)
	f.Fuzz(func(t *testing.T, s string) {
		list, params := ParseChallenges([]string{s, s}), 0
		for _, c := range list {
			params += len(c.Params)
			if c.Scheme == "" || c.Scheme != strings.ToLower(c.Scheme) || strings.ContainsAny(c.Scheme, " \t,=\"") || c.Params == nil {
				t.Errorf("scheme %q", c.Scheme)
			}
			for name := range c.Params {
				if name == "" || name != strings.ToLower(name) || strings.ContainsAny(name, " \t,=\"") {
					t.Errorf("parameter %q", name)
				}
			}
		}
		if len(list) > maxChallenges || params > maxChallengeParams {
			t.Errorf("%d challenges, %d parameters", len(list), params)
		}
		if len(s) > maxChallengeBytes/4 {
			return
		}
		if c, found := BearerChallenge(http.Header{"Www-Authenticate": {"Basic realm=" + quotedString(s)}}); found {
			t.Errorf("a quoted realm became %+v", c)
		}
		c, _ := BearerChallenge(http.Header{"Www-Authenticate": {"Basic realm=" + quotedString(s) + ", Bearer scope=s, error=" + quotedString(s)}})
		if c.ErrorCode() != s || len(c.Params) != 2 {
			t.Errorf("%q was read as %q", s, c.ErrorCode())
		}
	})
}
