package discovery

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"mcp-login/internal/dpop"
	"mcp-login/internal/foreign"
)

// Schemes of the challenges that this package acts on, in lower case.
const (
	schemeBearer = "bearer"
	schemeDPoP   = "dpop"
)

// Bounds of a WWW-Authenticate header; what is beyond them is not read.
const (
	maxChallengeBytes  = 16 << 10
	maxChallenges      = 32
	maxChallengeParams = 64
)

// Challenge is one authentication challenge of a WWW-Authenticate header
// (RFC 9110, section 11.6.1).
type Challenge struct {
	// Scheme in lower case.
	Scheme string
	// Params by lower-case name, unquoted. Of a doubled name the first counts.
	Params map[string]string
	// DPoP tells that the server takes tokens that are bound to a key of the client, with
	// proofs that this client can make (RFC 9449, section 7.1), and DPoPOnly that it takes
	// no bearer tokens. [BearerChallenge] and [DPoPChallenge] set them.
	DPoP, DPoPOnly bool
}

// ResourceMetadata returns the address of the protected-resource metadata
// (RFC 9728, section 5.1), "" when the challenge names none. Blanks, angle brackets
// and single quotes that servers put around it are removed.
func (c Challenge) ResourceMetadata() string {
	return strings.Trim(c.Params["resource_metadata"], " \t'<>")
}

// Scopes returns the scopes needed (RFC 6750, section 3) that are usable, nil when
// none are named.
func (c Challenge) Scopes() []string { return UsableScopes(strings.Fields(c.Params["scope"])) }

// ErrorCode returns the error parameter (RFC 6750, section 3.1), "" when no
// token was presented.
func (c Challenge) ErrorCode() string { return c.Params["error"] }

// Authentication is what a server wants of the sign-in of a person (RFC 9470, section 4),
// as parameters of the authorization request (OpenID Connect Core 1.0, section 3.1.2.1);
// "" leaves one out.
type Authentication struct {
	ACRValues string `json:"acr_values,omitzero"`
	MaxAge    string `json:"max_age,omitzero"`
}

// WantsAuthentication reports whether the challenge wants a stronger or a more recent
// sign-in (RFC 9470, section 3), which no refreshed token has.
func (c Challenge) WantsAuthentication() bool {
	return c.ErrorCode() == "insufficient_user_authentication"
}

// Authentication returns what of that the challenge names and can be requested.
func (c Challenge) Authentication() (a Authentication) {
	if !c.WantsAuthentication() {
		return a
	}
	a.ACRValues = strings.Join(UsableScopes(strings.Fields(c.Params["acr_values"])), " ")
	if _, err := strconv.ParseUint(c.Params["max_age"], 10, 31); err == nil {
		a.MaxAge = c.Params["max_age"]
	}
	return a
}

// BearerChallenge returns the challenge of a response that asks for a token: a Bearer one
// if there is any, else a DPoP one (RFC 9449, section 7.1), and of these one that names
// metadata, then one with parameters; ok is false when there is none. Servers put several
// schemes into one or many header lines, in any order. Nothing crosses from one scheme
// to another.
func BearerChallenge(h http.Header) (c Challenge, ok bool) {
	return tokenChallenge(h, schemeBearer, schemeDPoP)
}

// DPoPChallenge is BearerChallenge for the response to a request with a token that is bound
// to a key: a DPoP challenge is preferred, unless only a Bearer one says what is wrong.
func DPoPChallenge(h http.Header) (c Challenge, ok bool) {
	c, ok = tokenChallenge(h, schemeDPoP, schemeBearer)
	if bearer, _ := BearerChallenge(h); c.ErrorCode() == "" && bearer.ErrorCode() != "" {
		c = bearer
	}
	return c, ok
}

// tokenChallenge returns the best challenge of the first of the schemes that has one.
func tokenChallenge(h http.Header, schemes ...string) (c Challenge, ok bool) {
	all := ParseChallenges(h.Values("WWW-Authenticate"))
	for _, scheme := range schemes {
		for _, one := range all {
			if one.Scheme != scheme || ok && c.Scheme != scheme {
				continue
			}
			named := one.ResourceMetadata() != "" && c.ResourceMetadata() == ""
			if !ok || named || len(c.Params) == 0 && len(one.Params) > 0 {
				c, ok = one, true
			}
		}
	}
	c.DPoPOnly = ok
	for _, one := range all {
		algorithms, named := one.Params["algs"]
		switch one.Scheme {
		case schemeBearer:
			c.DPoPOnly = false
		case schemeDPoP:
			c.DPoP = c.DPoP || !named || slices.Contains(strings.Fields(algorithms), dpop.Algorithm)
		}
	}
	return c, ok
}

// ParseChallenges reads all challenges of the given header lines. It never
// fails: what does not follow the grammar is passed over, and at most 16 KiB,
// 32 challenges and 64 parameters are read.
func ParseChallenges(lines []string) []Challenge {
	p := challengeParser{s: strings.Join(lines, ",")}
	if len(p.s) > maxChallengeBytes {
		p.s = p.s[:maxChallengeBytes]
	}
	return p.parse()
}

type challengeParser struct {
	s    string
	i    int // the position in s
	list []Challenge
	n    int // parameters read
}

func (p *challengeParser) parse() []Challenge {
	for {
		p.skip(" \t,")
		if p.i >= len(p.s) {
			return p.list
		}
		name := p.token()
		if name == "" { // not a token: pass over one byte and look again
			p.i++
			continue
		}
		if value, ok := p.paramValue(); ok {
			p.addParam(name, value)
			continue
		}
		if len(p.list) == maxChallenges {
			return p.list
		}
		p.list = append(p.list, Challenge{Scheme: strings.ToLower(name), Params: map[string]string{}})
		p.token68()
	}
}

func (p *challengeParser) addParam(name, value string) {
	if len(p.list) == 0 || p.n == maxChallengeParams {
		return
	}
	p.n++
	params := p.list[len(p.list)-1].Params
	name = strings.ToLower(name)
	if _, doubled := params[name]; !doubled {
		params[name] = value
	}
}

// paramValue reads `= value` after a name, and leaves the position alone when
// there is none. White space around the sign is allowed by the grammar (BWS).
func (p *challengeParser) paramValue() (string, bool) {
	start := p.i
	p.skip(" \t")
	if p.i >= len(p.s) || p.s[p.i] != '=' {
		p.i = start
		return "", false
	}
	p.i++
	p.skip(" \t")
	if p.i < len(p.s) && p.s[p.i] == '"' {
		return p.quoted(), true
	}
	// A bare value should be a token, but servers send bare URLs: everything
	// up to a comma or a blank is taken.
	from := p.i
	for p.i < len(p.s) && !strings.ContainsRune(" \t,", rune(p.s[p.i])) {
		p.i++
	}
	return p.s[from:p.i], true
}

// token68 passes over the value of schemes like Negotiate when one follows: a run
// of its characters that ends at a comma or at the end of the header.
func (p *challengeParser) token68() {
	start := p.i
	p.skip(" \t")
	from := p.i
	p.skip(foreign.Alphanumeric + "-._~+/")
	end := p.i
	for end < len(p.s) && p.s[end] == '=' {
		end++
	}
	rest := strings.TrimLeft(p.s[end:], " \t")
	if end > from && (rest == "" || rest[0] == ',') {
		p.i = end
		return
	}
	p.i = start
}

func (p *challengeParser) quoted() string {
	var b strings.Builder
	for p.i++; p.i < len(p.s); p.i++ {
		switch p.s[p.i] {
		case '"':
			p.i++
			return b.String()
		case '\\':
			if p.i+1 < len(p.s) {
				p.i++
			}
		}
		b.WriteByte(p.s[p.i])
	}
	return b.String()
}

func (p *challengeParser) token() string {
	from := p.i
	p.skip(foreign.Alphanumeric + "!#$%&'*+-.^_`|~")
	return p.s[from:p.i]
}

func (p *challengeParser) skip(set string) {
	for p.i < len(p.s) && strings.IndexByte(set, p.s[p.i]) >= 0 {
		p.i++
	}
}
