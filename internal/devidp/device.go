package devidp

import (
	"cmp"
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// device is a login on another device (RFC 8628).
type device struct {
	expiry
	req      request
	userCode string
	user     *User // who signed in
	denied   bool
}

// deviceTTL is Logto's life of a device code.
const deviceTTL = 10 * time.Minute

// deviceAuthorization gives out a device code and a user code (RFC 8628,
// section 3.1). Like Logto it names no interval, unless a fault says so.
func (p *Provider) deviceAuthorization(w http.ResponseWriter, r *http.Request) *oauthError {
	client, form, refusal := p.authenticate(w, r)
	switch {
	case refusal != nil:
		return refusal
	case !client.may(grantDevice):
		return badRequest("invalid_request", grantDevice+" is not allowed for this client")
	}
	req := request{client: client, consent: slices.Contains(strings.Fields(form.Get("prompt")), "consent")}
	if refusal := p.fillScopes(&req, form); refusal != nil {
		return refusal
	}
	deviceCode := randomText(32)
	f := p.fault()
	life := cmp.Or(f.DeviceTTL, deviceTTL)
	d := &device{req: req, userCode: newUserCode(), expiry: in(life)}
	p.mu.Lock()
	d.denied = f.Deny
	makeRoom(p.devices, maxPending)
	p.devices[deviceCode] = d
	p.stats.DeviceAuthorizations++
	p.mu.Unlock()
	page := p.base.Scheme + "://" + p.base.Host + pathDevice
	answer := map[string]any{
		"device_code": deviceCode, "user_code": d.userCode, "expires_in": int(max(life.Seconds(), 1)),
		"verification_uri": page, "verification_uri_complete": page + "?" + url.Values{"user_code": {d.userCode}}.Encode(),
	}
	if f.DeviceInterval > 0 {
		answer["interval"] = f.DeviceInterval
	}
	changed(answer, f.DeviceMembers)
	w.Header().Set("Cache-Control", "no-store")
	return writeJSON(w, http.StatusOK, answer)
}

// newUserCode returns eight consonants, which spell no words, as XXXX-XXXX.
func newUserCode() string {
	const letters = "BCDFGHJKLMNPQRSTVWXZ"
	b := make([]byte, 8)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	for i := range b {
		b[i] = letters[int(b[i])%len(letters)]
	}
	return string(b[:4]) + "-" + string(b[4:])
}

// devicePage takes the user code and the person's choice (RFC 8628, section
// 3.3).
func (p *Provider) devicePage(w http.ResponseWriter, r *http.Request) {
	if !p.beginPage(w, r) {
		return
	}
	userCode := strings.ToUpper(strings.TrimSpace(r.Form.Get("user_code")))
	if r.Method == http.MethodGet {
		show(w, http.StatusOK, devicePage(userCode, "", p.deviceRequest(userCode), p.cfg.Users))
		return
	}
	user, known := p.cfg.user(r.PostForm.Get("user"))
	if !known && r.PostForm.Get("user") != "" {
		http.Error(w, "nobody of that name", http.StatusBadRequest)
		return
	}
	if !p.decide(userCode, user, known) {
		show(w, http.StatusBadRequest, devicePage(userCode, "No device waits with this code.", nil, p.cfg.Users))
		return
	}
	title := "You are signed in as " + user.Username
	if !known {
		title = "Refused"
	}
	show(w, http.StatusOK, donePage(title, "You can close this page and go back to the other device."))
}

// waiting finds the device that waits with a code; nil for none. The caller holds mu.
func (p *Provider) waiting(userCode string) *device {
	for _, d := range p.devices {
		if d.userCode == userCode && !d.ended(time.Now()) && d.user == nil && !d.denied {
			return d
		}
	}
	return nil
}

// deviceRequest is what the device with the code asks for; nil where none waits.
func (p *Provider) deviceRequest(userCode string) *request {
	p.mu.Lock()
	defer p.mu.Unlock()
	d := p.waiting(userCode)
	if d == nil {
		return nil
	}
	req := d.req
	return &req
}

// decide notes the person's choice for the device that waits with the code.
func (p *Provider) decide(userCode string, user User, known bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	d := p.waiting(userCode)
	if d == nil {
		return false
	}
	d.req.scopes = user.granted(d.req.scopes)
	d.denied = !known || len(d.req.scopes) == 0
	if known {
		d.user = &user
	}
	return true
}

// devicePoll answers a device that asks whether its person is done (RFC 8628,
// section 3.4). Logto never says slow_down; a fault does.
func (p *Provider) devicePoll(req tokenRequest) (map[string]any, *oauthError) {
	deviceCode := req.form.Get("device_code")
	if deviceCode == "" {
		return nil, missing("device_code")
	}
	d, refusal := p.devicePolled(req.client, deviceCode)
	if refusal != nil {
		return nil, refusal
	}
	return p.issueFirst(&grant{request: d.req, user: *d.user}, req)
}

// devicePolled takes a device out of the table when its person is done.
func (p *Provider) devicePolled(client Client, deviceCode string) (*device, *oauthError) {
	p.mu.Lock()
	defer p.mu.Unlock()
	d := p.devices[deviceCode]
	switch {
	case d == nil || d.req.client.ID != client.ID:
		return nil, invalidGrant()
	case d.ended(time.Now()):
		delete(p.devices, deviceCode)
		return nil, badRequest("expired_token", "the device code has expired")
	case p.faults.SlowDown > 0:
		p.faults.SlowDown--
		return nil, badRequest("slow_down", "the device polls too often")
	case d.denied:
		delete(p.devices, deviceCode)
		return nil, badRequest("access_denied", "End-User aborted interaction")
	case d.user == nil:
		return nil, badRequest("authorization_pending", "authorization request is still pending as the end-user hasn't yet completed the user interaction steps")
	}
	delete(p.devices, deviceCode)
	return d, nil
}
