package devidp

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// requestURI begins what stands for a pushed request (RFC 9126, section 2.2).
const requestURI = "urn:ietf:params:oauth:request_uri:"

// pushedRequest is an authorization request that waits for its browser.
type pushedRequest struct {
	expiry
	req request
}

// push takes an authorization request from the client itself (RFC 9126, section 2). It is
// judged as at the authorization endpoint; what is wrong is an answer to the client.
func (p *Provider) push(w http.ResponseWriter, r *http.Request) *oauthError {
	client, form, refusal := p.authenticate(w, r)
	if refusal != nil {
		return refusal
	}
	req := newRequest(client, form)
	refusal = tooLarge(form)
	switch {
	case refusal != nil:
	case form.Has("request_uri"):
		refusal = badRequest("request_uri_not_supported", "")
	case req.redirectURI == "":
		refusal = missing("redirect_uri")
	case !client.redirects(req.redirectURI):
		refusal = badRequest("invalid_request", "redirect_uri did not match any of the client's registered redirect_uris")
	default:
		refusal = p.fill(&req, form)
	}
	if refusal != nil {
		return refusal
	}
	if refusal := p.bindRequest(w, r, &req); refusal != nil {
		return refusal
	}
	id, life := randomText(32), p.cfg.PushedRequestTTL
	p.mu.Lock()
	makeRoom(p.pushed, maxPending)
	p.pushed[id] = pushedRequest{req: req, expiry: in(life)}
	p.mu.Unlock()
	return writeJSON(w, http.StatusCreated, map[string]any{"request_uri": requestURI + id, "expires_in": int(max(life.Seconds(), 1))})
}

// bindRequest binds the code to the key of a proof that came with the pushed request, which
// must be that of dpop_jkt, if there are both (RFC 9449, section 10.1).
func (p *Provider) bindRequest(w http.ResponseWriter, r *http.Request, req *request) *oauthError {
	key, refusal := p.possession(w, r, "")
	switch {
	case refusal != nil || key == "":
		return refusal
	case req.key != "" && req.key != key:
		return badRequest("invalid_request", "the DPoP proof is by another key than dpop_jkt says")
	}
	req.key = key
	return nil
}

// pulled is the pushed request that a browser comes with: once, soon, and of the client that
// pushed it (RFC 9126, section 4). No other parameter counts.
func (p *Provider) pulled(q url.Values) (request, *oauthError) {
	id, ours := strings.CutPrefix(q.Get("request_uri"), requestURI)
	switch {
	case q.Get("client_id") == "":
		return request{}, missing("client_id")
	case !ours:
		return request{}, badRequest("request_uri_not_supported", "")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	pushed, known := p.pushed[id]
	switch {
	case !known || pushed.ended(time.Now()):
		return request{}, badRequest("invalid_request_uri", "request_uri is invalid, expired, or was already used")
	case pushed.req.client.ID != q.Get("client_id"):
		return request{}, badRequest("invalid_request_object", "request client_id mismatch")
	}
	delete(p.pushed, id)
	return pushed.req, nil
}
