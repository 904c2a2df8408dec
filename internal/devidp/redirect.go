package devidp

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"mcp-login/internal/origin"
)

// allows compares a redirect URI: character for character, but for the port of
// a native client's loopback address (RFC 8252, section 7.3). A registered port
// is ignored as well; the spelling of the host is not.
func (c Client) allows(redirectURI string) bool {
	if slices.Contains(c.RedirectURIs, redirectURI) {
		return true
	}
	asked, err := url.Parse(redirectURI)
	if err != nil || c.ApplicationType != "native" || asked.Scheme != "http" || !origin.Loopback(asked.Hostname()) || strings.Contains(redirectURI, "#") {
		return false
	}
	return slices.ContainsFunc(c.RedirectURIs, func(registered string) bool {
		known, err := url.Parse(registered)
		return err == nil && withoutPort(known) == withoutPort(asked)
	})
}

// withoutPort is the address with everything in it but the port.
func withoutPort(u *url.URL) string {
	bare := *u
	if port := u.Port(); port != "" {
		bare.Host = strings.TrimSuffix(u.Host, ":"+port)
	}
	return bare.String()
}

// redirect sends the browser back to the client, with state and iss (RFC 9207).
// Empty values of answer are left out.
func (p *Provider) redirect(w http.ResponseWriter, r *http.Request, req request, answer url.Values) {
	if req.state != "" {
		answer.Set("state", req.state)
	}
	answer.Set("iss", p.issuer)
	for name, value := range p.fault().RedirectParameters {
		answer.Set(name, value)
	}
	for name, values := range answer {
		if values[0] == "" {
			delete(answer, name)
		}
	}
	to, err := url.Parse(req.redirectURI)
	if err != nil {
		badRequest("invalid_request", "the redirect URI cannot be read").write(w)
		return
	}
	if req.fragment {
		to.Fragment = ""
		w.Header().Set("Location", to.String()+"#"+answer.Encode())
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	query := to.Query()
	for name, values := range answer {
		query[name] = values
	}
	to.RawQuery = query.Encode()
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, to.String(), http.StatusSeeOther)
}
