package devidp

import (
	"io"
	"net/http"
	"net/url"

	"github.com/go-json-experiment/json"
)

// register is dynamic client registration (RFC 7591, section 3.1).
func (p *Provider) register(w http.ResponseWriter, r *http.Request) {
	f := p.fault()
	var req struct {
		RedirectURIs    []string `json:"redirect_uris"`
		ClientName      string   `json:"client_name"`
		ApplicationType string   `json:"application_type"`
		AuthMethod      string   `json:"token_endpoint_auth_method"`
		GrantTypes      []string `json:"grant_types"`
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || json.Unmarshal(body, &req) != nil {
		writeError(w, http.StatusBadRequest, "invalid_client_metadata", "client metadata must be a JSON object")
		return
	}
	if f.RefuseRegistration {
		writeError(w, http.StatusForbidden, "access_denied", "registration is not open to you")
		return
	}
	if req.ApplicationType == "" {
		req.ApplicationType = "web"
	}
	if len(req.RedirectURIs) == 0 || !usableRedirects(req.RedirectURIs, req.ApplicationType) {
		writeError(w, http.StatusBadRequest, "invalid_redirect_uri", "redirect_uris must be https, or http on loopback for native clients")
		return
	}
	c := Client{ID: randomText(16), ApplicationType: req.ApplicationType, RedirectURIs: req.RedirectURIs, AuthMethod: req.AuthMethod}
	if f.RegisteredAuthMethod != "" {
		c.AuthMethod = f.RegisteredAuthMethod
	}
	switch c.AuthMethod {
	case "", "client_secret_basic", "client_secret_post":
		if c.AuthMethod == "" {
			c.AuthMethod = "client_secret_basic"
		}
		c.Secret = randomText(32)
	case "none":
	default:
		writeError(w, http.StatusBadRequest, "invalid_client_metadata", "token_endpoint_auth_method is not supported")
		return
	}
	p.mu.Lock()
	p.stats.Registrations++
	for id := range p.clients {
		if len(p.clients) < maxEntries {
			break
		}
		delete(p.clients, id)
	}
	p.clients[c.ID] = c
	p.mu.Unlock()
	answer := map[string]any{
		"client_id": c.ID, "client_name": req.ClientName, "redirect_uris": c.RedirectURIs, "application_type": c.ApplicationType,
		"token_endpoint_auth_method": c.AuthMethod, "grant_types": req.GrantTypes, "response_types": []string{"code"},
	}
	if c.Secret != "" {
		answer["client_secret"], answer["client_secret_expires_at"] = c.Secret, 0
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, http.StatusCreated, answer)
}

func usableRedirects(list []string, applicationType string) bool {
	for _, raw := range list {
		u, err := url.Parse(raw)
		native := applicationType == "native" && err == nil && u.Scheme == "http" && loopbackHost(u.Hostname())
		if err != nil || u.Fragment != "" || u.Scheme != "https" && !native {
			return false
		}
	}
	return true
}
