package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"mcp-login/bearer"
)

// maxClaim bounds the value of an identity header, and maxIdentity that of all of them
// together: many servers take no more than 8 KiB of headers.
const (
	maxClaim    = 1 << 10
	maxIdentity = 4 << 10
)

// IdentityHeader tells the upstream one claim of the caller.
type IdentityHeader struct{ Name, Claim string }

// DefaultIdentity is what the upstream is told without other wishes. The subject is unique
// only with its issuer (OpenID Connect Core section 5.7).
func DefaultIdentity() []IdentityHeader {
	return []IdentityHeader{{"X-Forwarded-User", "sub"}, {"X-Forwarded-Issuer", "iss"}}
}

// ParseIdentityHeader reads NAME=CLAIM. [Config.Check] judges the name.
func ParseIdentityHeader(text string) (IdentityHeader, error) {
	name, claim, ok := strings.Cut(text, "=")
	if !ok || name == "" || claim == "" {
		return IdentityHeader{}, fmt.Errorf("%q is not NAME=CLAIM", text)
	}
	return IdentityHeader{http.CanonicalHeaderKey(name), claim}, nil
}

// CheckHeaderName reports why we cannot tell the upstream anything under a name; nil when
// we can. CGI and its heirs, such as WSGI, read _ and - as the same (RFC 3875 section 4.1.18),
// so that there must be one spelling.
func CheckHeaderName(name string) error {
	canonical := http.CanonicalHeaderKey(name)
	switch {
	case !plainName(name):
		return fmt.Errorf("header %q: a name has letters, digits and - only", name)
	// What no trailer may have are the headers that say how HTTP is to be read, and
	// credentials (RFC 9110 section 6.5.1).
	// net/http sends a message again where a header says that this does no harm.
	case canonical == "Idempotency-Key", canonical == "X-Idempotency-Key":
		return fmt.Errorf("header %s: a call could run twice", canonical)
	case !httpguts.ValidTrailerHeader(canonical), slices.Contains(passedHeaders, canonical), strings.HasPrefix(canonical, "Mcp-"),
		slices.Contains([]string{"Cookie", "Date", "Dpop", "Forwarded", "Traceparent", "Tracestate", "Upgrade", headerForwardedFor, "X-Forwarded-Host", "X-Forwarded-Proto", headerRequestID}, canonical):
		return fmt.Errorf("header %s: it means something else", canonical)
	}
	return nil
}

// plainName reports whether a name cannot be taken for another one.
func plainName(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-'
	})
}

// errClaim is a claim that no header can tell.
var errClaim = errors.New("the upstream cannot be told who calls")

// WriteIdentity sets the headers that tell who calls, and removes those whose claim the
// token does not have. A claim that does not fit is an error: the request must not go on
// as somebody else's.
func WriteIdentity(h http.Header, headers []IdentityHeader, id bearer.Identity) error {
	total := 0
	for _, header := range headers {
		delete(h, header.Name)
		claim, ok := claimOf(id, header.Claim)
		if !ok {
			continue
		}
		value, ok := headerValue(claim)
		if total += len(value); !ok || len(value) > maxClaim || total > maxIdentity {
			return fmt.Errorf("%w: the claim %q is too long, or no text, number or list", errClaim, header.Claim)
		}
		h[header.Name] = []string{value}
	}
	return nil
}

// claimOf is a claim of the caller; one inside another is named with a dot, unless there
// is one of that very name, as team.name. What was verified comes before what the token says
// elsewhere: userinfo names no issuer.
func claimOf(id bearer.Identity, name string) (any, bool) {
	switch name {
	case "sub":
		return id.Subject, true
	case "iss":
		return id.Issuer, true
	case "client_id":
		return id.ClientID, id.ClientID != ""
	case "scope":
		return strings.Join(id.Scopes, " "), len(id.Scopes) > 0
	}
	if value, ok := id.Claims[name]; ok {
		return value, value != nil
	}
	var value any = id.Claims
	for _, part := range strings.Split(name, ".") {
		members, _ := value.(map[string]any)
		value = members[part]
	}
	return value, value != nil
}

// headerValue is a claim as a header has it: a list with commas between its values.
func headerValue(claim any) (string, bool) {
	switch claim := claim.(type) {
	case string:
		return escape(claim), true
	case bool:
		return strconv.FormatBool(claim), true
	case json.Number:
		return escape(claim.String()), true
	case float64:
		return strconv.FormatFloat(claim, 'g', -1, 64), true
	case []any:
		parts := make([]string, len(claim))
		for k, v := range claim {
			if _, nested := v.([]any); nested {
				return "", false
			}
			var ok bool
			if parts[k], ok = headerValue(v); !ok {
				return "", false
			}
		}
		return strings.Join(parts, ","), true
	}
	return "", false
}

// escape writes all but visible ASCII as percent and two digits (RFC 3986 section 2.1), and
// percent and comma too: no character of a claim ends a header or a value, and every
// value can be read back.
func escape(s string) string {
	const digits = "0123456789ABCDEF"
	fits := func(c byte) bool { return c > ' ' && c < 0x7f && c != '%' && c != ',' }
	first := 0
	for first < len(s) && fits(s[first]) {
		first++
	}
	if first == len(s) {
		return s
	}
	var b strings.Builder
	_, _ = b.WriteString(s[:first])
	for k := first; k < len(s); k++ {
		if c := s[k]; fits(c) {
			_ = b.WriteByte(c)
		} else {
			_, _ = b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		}
	}
	return b.String()
}
