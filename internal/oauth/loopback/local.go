package loopback

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"mcp-login/internal/hint"
	"mcp-login/internal/site"
)

// All users of a machine can read the arguments of its processes, and so the address
// that a browser is started with. Whoever reads the authorization request there can sign
// in to an account of his own and deliver the answer, and the person would use that
// account. So the browser is started with an address of this listener, which redirects
// to the provider and sets a cookie. From then on only requests with the cookie may use
// the address again or bring the answer. A request to the address without the cookie
// means that somebody else has it, and the login ends: nobody can tell who was first.

// local is the one-time address.
type local struct {
	path   string
	to     string                                    // the authorization request
	visit  func(ctx context.Context) (string, error) // makes another one for each visit, nil for none
	cookie *http.Cookie                              // marks the browser
	opened bool
	// turn is held by the visit that is served. Until it has been led to the provider
	// nothing is given to its browser: a person who loads the page again meanwhile is no
	// second one.
	turn chan struct{}
}

// cookieLife is longer than a login may wait for its person.
const cookieLife = 25 * time.Hour

// markGrace is how long the answer with the mark may come after one without it, before
// the login ends: software that checks what a browser opens can be faster than the
// browser.
const markGrace = 5 * time.Second

// What ends a login besides its answer, with what to do.
var (
	// ErrOpenedTwice means that two browsers, or two people, have the address.
	ErrOpenedTwice = hint.With(
		errors.New("its address was opened a second time, by another browser or by somebody else on this machine"),
		"start again, and open the address in one browser only; if you have not opened it twice, another user of this machine has read it",
	)
	// ErrUnmarked means that the answer came from a browser without the mark.
	ErrUnmarked = hint.With(
		errors.New("the answer came from another browser than the one that was sent to the provider, or from one that keeps no cookies"),
		"start again and let the browser keep cookies of this machine, or sign in with --no-browser and open the address by hand",
	)
	// ErrReturned means that the marked browser came back from the provider with
	// neither a code nor an error, as from Logto's consent page when a person cancels.
	ErrReturned = hint.With(
		errors.New("the provider sent the browser back with neither a code nor an error, as some do when a person cancels"),
		"start again, and agree to what the provider asks; if nobody has cancelled, the provider's log says why",
	)
)

// Local makes the one-time address that leads to address, while Receive waits,
// and returns it with the mark of the browser that opens it, as a Cookie header
// holds it. Both are secrets of the person. It is called before Receive, each time
// anew; without it, or while nobody has opened it, every browser may answer. visit, if
// it is not nil, says for each visit where the browser is sent in the place of address;
// its error ends the login.
func (l *Listener) Local(address string, visit func(ctx context.Context) (string, error)) (here, mark string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, port, _ := net.SplitHostPort(l.host)
	l.local = &local{
		path: strings.TrimSuffix(l.path, "/") + "/" + rand.Text(),
		to:   address, visit: visit, turn: make(chan struct{}, 1),
		cookie: &http.Cookie{ //nolint:gosec // http on loopback, where Secure would lose it
			// Cookies do not know ports: two logins need two names.
			Name: "mcp-login-" + port, Value: rand.Text(), Path: l.path, MaxAge: int(cookieLife / time.Second),
			HttpOnly: true, SameSite: http.SameSiteLaxMode,
		},
	}
	return "http://" + l.host + l.local.path, l.local.cookie.Name + "=" + l.local.cookie.Value
}

// leading returns the one-time address with this path, nil if there is none.
func (l *Listener) leading(path string) *local {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.local == nil || subtle.ConstantTimeCompare([]byte(path), []byte(l.local.path)) != 1 {
		return nil
	}
	return l.local
}

// lead sends the browser to the provider.
func (l *Listener) lead(w http.ResponseWriter, r *http.Request, local *local) {
	if prefetched(r) {
		l.pages.refuse(w, r, http.StatusServiceUnavailable) // it comes again when it is wanted
		return
	}
	select {
	case local.turn <- struct{}{}:
		defer func() { <-local.turn }()
	case <-r.Context().Done():
		return
	}
	l.mu.Lock()
	waiting, twice := l.state != "", local.opened && !local.marks(r)
	l.mu.Unlock()
	switch {
	case !waiting:
		l.pages.refuse(w, r, http.StatusBadRequest)
	case twice:
		l.log.Warn("the address of the sign-in was opened a second time, by another browser or by somebody else on this machine; the sign-in ends")
		l.pages.fail(w, r, http.StatusForbidden, reasonTwice)
		l.fail(ErrOpenedTwice)
	default:
		l.send(w, r, local)
	}
}

// send gives the browser its mark and the address at the provider.
func (l *Listener) send(w http.ResponseWriter, r *http.Request, local *local) {
	to, err := local.to, error(nil)
	if local.visit != nil {
		to, err = local.visit(r.Context())
	}
	if r.Context().Err() != nil {
		return // the tab has gone, and has got nothing
	}
	if err != nil {
		l.pages.show(w, r, outcome{err: err})
		l.fail(err)
		return
	}
	l.mu.Lock()
	waiting := l.state != ""
	local.opened = local.opened || waiting
	l.mu.Unlock()
	if !waiting { // any more
		l.pages.refuse(w, r, http.StatusBadRequest)
		return
	}
	http.SetCookie(w, local.cookie)
	l.pages.redirect(w, to)
}

// prefetched reports whether a browser fetches in advance what nobody has asked
// for yet.
func prefetched(r *http.Request) bool {
	for _, name := range []string{"Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"} {
		if value := strings.ToLower(r.Header.Get(name)); strings.Contains(value, "prefetch") || strings.Contains(value, "preview") {
			return true
		}
	}
	return false
}

func (l *local) marks(r *http.Request) bool {
	for _, c := range r.CookiesNamed(l.cookie.Name) {
		if subtle.ConstantTimeCompare([]byte(c.Value), []byte(l.cookie.Value)) == 1 {
			return true
		}
	}
	return false
}

// unmarked reports whether the expected answer comes from another browser than
// the one that was sent to the provider.
func (l *Listener) unmarked(r *http.Request, query url.Values) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.local != nil && l.local.opened && !l.local.marks(r) && l.expects(query)
}

// refuseUnmarked answers it, and ends the login if no better one comes.
func (l *Listener) refuseUnmarked(w http.ResponseWriter, r *http.Request, query url.Values) {
	l.log.Warn("an answer from another browser than the one that was sent to the provider, or from one without cookies, is refused")
	l.pages.fail(w, r, http.StatusForbidden, reasonUnmarked)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.late == nil && l.expects(query) { // else the right one has come meanwhile
		l.late = time.AfterFunc(l.grace, func() { l.fail(ErrUnmarked) })
	}
}

// stopLate takes back what an unmarked answer has set going. The caller holds mu.
func (l *Listener) stopLate() {
	if l.late != nil {
		l.late.Stop()
		l.late = nil
	}
}

// returned reports whether a request is the person's browser that comes back from the
// provider without an answer. There is no state by which it could be known; what takes
// its place keeps others from ending the login. Programs and other browsers lack the
// mark. A page in the marked browser can ask for this address with it, and pages of
// other ports of this machine even in the background, because a cookie knows no port:
// so what browsers say of a request (Fetch Metadata, Sec-Fetch-Mode and Sec-Fetch-Dest)
// must be that a tab goes there, and a Referer must be of the provider's site. What is
// left is a page that leads a tab of that browser here, in the person's sight.
func (l *Listener) returned(r *http.Request, query url.Values) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state == "" || l.local == nil || !l.local.marks(r) || prefetched(r) {
		return false
	}
	if states, given := query["state"]; given && !l.isState(states) || query.Get("code") != "" || query.Get("error") != "" {
		return false
	}
	mode, dest := r.Header.Get("Sec-Fetch-Mode"), r.Header.Get("Sec-Fetch-Dest")
	return (mode == "" || mode == "navigate") && (dest == "" || dest == "document") && l.local.sentBy(r.Referer())
}

// sentBy reports whether a Referer is of the site of the provider, or says nothing.
func (l *local) sentBy(referer string) bool {
	from, err := url.Parse(referer)
	to, err2 := url.Parse(l.to)
	return referer == "" || err == nil && err2 == nil && site.Same(from, to)
}

// fail ends the login that waits, if there is one.
func (l *Listener) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state != "" {
		l.state = ""
		l.failed <- err
	}
}
