package server

import (
	"log/slog"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"

	"mcp-login/bearer"
	"mcp-login/internal/foreign"
)

// profileSection explains why a token names nobody, and what to do.
const profileSection = "docs/logto.md#no-name-in-the-answer (mcp-login help logto)"

// profileMeta is the member of an answer's _meta that says so (MCP 2025-11-25, Basic
// Protocol, _meta).
const profileMeta = "mcp-login/profile"

// profileClaims are the claims by which people know each other. Where none of them is
// there, the answer is right, and of little use.
var profileClaims = []string{"username", "preferred_username", "name", "email"}

// maxProfileKinds bounds how many kinds of tokens are told of in the log.
const maxProfileKinds = 16

// profileLog remembers which kinds of tokens without a profile were logged. A kind is
// an issuer, and whether the token is a JWT or opaque: what the log says of the first
// token holds for the others.
type profileLog struct {
	mu   sync.Mutex
	told map[string]bool
}

// first reports whether a kind has not been told of yet.
func (p *profileLog) first(kind string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.told[kind] || len(p.told) >= maxProfileKinds {
		return false
	}
	if p.told == nil {
		p.told = map[string]bool{}
	}
	p.told[kind] = true
	return true
}

// hasProfile reports whether a token tells who its person is, beyond the subject. A
// client that signs in as itself is nobody's profile.
func hasProfile(id bearer.Identity) bool {
	for _, name := range profileClaims {
		if value, _ := id.Claims[name].(string); value != "" {
			return true
		}
	}
	return id.ClientID != "" && id.ClientID == id.Subject
}

// noteProfile says in the log, once for each kind of token, and in the answer's _meta
// that the token brought no profile, and where to read why. No claim goes into either.
func (s *whoami) noteProfile(id bearer.Identity, result *mcp.CallToolResult) {
	if hasProfile(id) {
		return
	}
	kind, reason := "JWT", "the access token is a JWT without a user name, name or e-mail address; the provider has to put them into it"
	if id.Scopes == nil {
		kind, reason = "opaque", "the provider's userinfo gave no user name, name or e-mail address; the login has to ask for the scopes profile and email"
	}
	if s.profiles.first(kind + " " + id.Issuer) {
		s.log.Warn("a token brings no profile, so that the answer has little more than a subject", slog.String("token", kind),
			slog.String("issuer", foreign.Line(id.Issuer)), slog.String("reason", reason), slog.String("see", profileSection))
	}
	result.Meta = mcp.NewMetaFromMap(map[string]any{profileMeta: map[string]any{
		"missing": []string{"username", "name", "email"}, "reason": reason, "see": profileSection,
	}})
}
