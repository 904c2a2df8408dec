package bearer

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"mcp-login/internal/dpop"
)

// problem is an answer that refuses a request, and an error until it is given. Its
// texts are fixed: what caused it is for the log.
type problem struct {
	status int
	code   string // error code of RFC 6750 section 3.1, where one fits
	text   string
	rpc    int   // the code of JSON-RPC, for a message that cannot be read; 0 for all else
	cause  error // nil: text says it
}

func (p *problem) Error() string {
	if p.cause != nil {
		return p.cause.Error()
	}
	return p.text
}

func (p *problem) Unwrap() error { return p.cause }

// write answers with the problem as JSON, in the shape OAuth or JSON-RPC uses for
// errors, with the X-Request-Id that the answer has already.
func (p *problem) write(w http.ResponseWriter) {
	id := w.Header().Get("X-Request-Id")
	if p.rpc != 0 { // the message's id is not known for sure, so null (JSON-RPC 2.0 section 5)
		writeJSON(w, p.status, map[string]any{
			"jsonrpc": "2.0", "id": nil, "error": map[string]any{
				"code": p.rpc, "message": p.text, "data": map[string]string{"requestId": id},
			},
		})
		return
	}
	answer := map[string]string{"error": p.code, "error_description": p.text}
	if id != "" {
		answer["request_id"] = id
	}
	writeJSON(w, p.status, answer)
}

// writeJSON answers with a JSON document that no cache keeps.
func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// bearerScheme is that of tokens that anybody may use who has them (RFC 6750).
const bearerScheme = "Bearer"

// challenge are the parameters of a challenge (RFC 6750 section 3, RFC 9449 section 7.1, RFC
// 9728 section 5.1, RFC 9470 section 3).
type challenge struct {
	scheme           string
	resourceMetadata string
	scopes           []string
	code, text       string
	acrValues        []string
	maxAge           time.Duration
	algorithms       []string
}

// String is the challenge as a header field. An empty parameter is left out.
func (c challenge) String() string {
	var b strings.Builder
	b.WriteString(c.scheme + " ")
	first := true
	add := func(name, value string) {
		value = quoted(value)
		if value == `""` {
			return
		}
		if !first {
			b.WriteString(", ")
		}
		first = false
		b.WriteString(name + "=" + value)
	}
	add("resource_metadata", c.resourceMetadata)
	add("scope", strings.Join(c.scopes, " "))
	add("error", c.code)
	add("error_description", c.text)
	add("acr_values", strings.Join(c.acrValues, " "))
	if c.maxAge > 0 {
		add("max_age", strconv.FormatInt(int64(c.maxAge/time.Second), 10))
	}
	add("algs", strings.Join(c.algorithms, " "))
	return b.String()
}

// challenge adds c, in the scheme of the request that it is about. A 401 names the other scheme as
// well, where both are taken (RFC 9449 section 7.2), but for what is wrong with a proof.
func (p *Resource) challenge(h http.Header, r *http.Request, status int, c challenge) {
	c.resourceMetadata = p.metadataURL
	about, other := c, challenge{resourceMetadata: c.resourceMetadata, scopes: c.scopes}
	about.scheme, other.scheme = bearerScheme, dpop.Scheme
	scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if p.proofs.required() || p.proofs != nil && strings.EqualFold(scheme, dpop.Scheme) {
		about.scheme, other.scheme = dpop.Scheme, bearerScheme
	}
	both := p.proofs != nil && !p.proofs.Required && status == http.StatusUnauthorized && c.code != dpop.ErrorCode && c.code != dpop.ErrUseNonce
	for _, one := range []challenge{about, other} {
		if one.scheme == dpop.Scheme {
			one.algorithms = dpop.Algorithms()
		}
		if one.scheme == about.scheme || both {
			h.Add("WWW-Authenticate", one.String())
		}
	}
	if p.proofs != nil && status == http.StatusUnauthorized && (p.proofs.NonceRequired || c.code == dpop.ErrUseNonce) {
		h.Set(dpop.NonceHeader, p.proofs.nonces.Issue(time.Now()))
	}
}

// quoted implements quoted-string (RFC 9110 section 5.6.4) in ASCII. All other
// characters are dropped; none of our own texts has any, and nobody else's may
// end a parameter or a line.
func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c >= ' ' && c < 0x7f:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
