package loopback

import (
	"cmp"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
)

// DefaultHost and DefaultPath are those of the redirect URI.
const (
	DefaultHost = "127.0.0.1"
	DefaultPath = "/callback"
	// MCPRemotePath is the path of mcp-remote: a command line of it implies this one.
	MCPRemotePath = "/oauth/callback"
)

// Bounds of one connection. The answer is one short GET.
const (
	headerTimeout  = 5 * time.Second
	maxHeaderBytes = 32 << 10
	// outcomeTimeout is how long the tab waits for the exchange of the code.
	outcomeTimeout = 2 * time.Minute
	// closeTimeout is how long Close waits for pages under way.
	closeTimeout = 2 * time.Second
)

// errNoOutcome is what the tab is told when nothing was heard of the exchange.
var errNoOutcome = errors.New("no outcome in time")

// Options of a Listener.
type Options struct {
	// Port is tried first; when it is taken, or 0, any free one is used.
	Port int
	// Exact refuses another port than Port.
	Exact bool
	// Host of the redirect URI: 127.0.0.1, which "" means, localhost or ::1. For
	// localhost both loopback addresses are bound, as a browser may take either.
	Host string
	// Path of the redirect URI; "" means DefaultPath.
	Path string
	// Bind is another address to listen at, for a browser on another machine, such
	// as the host of a container; 0.0.0.0 and :: are all, "" is none.
	Bind string
	// URI is the redirect URI where it is not an address of the listener, "" where
	// it is: the answer is then pasted.
	URI string
	// Server is the name of the server on the page, "" leaves it out.
	Server string
	// Issuer is the authorization server whose answer is awaited, "" leaves it
	// out of the page.
	Issuer string
	// FoundAt is where the metadata was found that calls itself Issuer, which a
	// person has accepted; "" where it is the issuer's own.
	FoundAt string
	// Program is the name of the client program that the login is for, as far
	// as it is known; "" leaves it out.
	Program string
	// Success is where the tab is sent after a login that worked, "" for our
	// own page; see CheckSuccess.
	Success string
	// Log gets what was refused, never an answer; nil discards it.
	Log *slog.Logger
}

// Listener waits for one authorization response on a loopback address. It satisfies
// oauth.Redirect.
type Listener struct {
	uri    string
	host   string
	path   string
	server *http.Server
	pages  pages
	log    *slog.Logger
	grace  time.Duration
	done   chan struct{}
	tabs   sync.WaitGroup // tabs that wait for their outcome

	mu      sync.Mutex
	state   string // expected; "" while nobody waits or after the answer came
	arrived chan answer
	failed  chan error
	local   *local      // nil when there is none
	late    *time.Timer // until an answer without the mark ends the login
}

type answer struct {
	query   url.Values
	outcome chan outcome
}

type outcome struct {
	account string
	err     error
}

// Listen binds the listener and begins to serve. Until Receive is called every
// request is refused.
func Listen(ctx context.Context, o Options) (*Listener, error) {
	o.Path = cmp.Or(o.Path, DefaultPath)
	host, addresses, err := o.where()
	if err != nil {
		return nil, err
	}
	bound, err := bind(ctx, addresses, o.Port)
	if err != nil && o.Port != 0 && !o.Exact {
		bound, err = bind(ctx, addresses, 0)
	}
	if err != nil {
		return nil, fmt.Errorf("bind the callback port: %w", err)
	}
	authority := net.JoinHostPort(host, strconv.Itoa(portOf(bound[0])))
	l := &Listener{
		uri:   cmp.Or(o.URI, "http://"+authority+o.Path),
		host:  authority,
		path:  o.Path,
		pages: newPages(o),
		log:   o.Log, grace: markGrace,
		done: make(chan struct{}),
	}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	if o.Bind != "" {
		l.log.Warn("the sign-in awaits its answer where other machines may reach it; only one with its state is taken", "address", net.JoinHostPort(o.Bind, strconv.Itoa(portOf(bound[0]))))
	}
	l.server = &http.Server{
		Handler:           http.HandlerFunc(l.serve),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       2 * headerTimeout,
		IdleTimeout:       headerTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          discardLog(),
	}
	var serving sync.WaitGroup
	for _, ln := range bound {
		serving.Go(func() { _ = l.server.Serve(ln) }) // ends with Close
	}
	go func() { serving.Wait(); close(l.done) }()
	return l, nil
}

// Check says why no listener can be where o wants it, as far as that is known without one.
func (o Options) Check() error {
	_, _, err := o.where()
	return err
}

// where returns the host of the redirect URI and the addresses to listen at.
func (o Options) where() (host string, addresses []netip.Addr, err error) {
	path := cmp.Or(o.Path, DefaultPath)
	if !strings.HasPrefix(path, "/") || strings.ContainsAny(path, "?#%") || foreign.Address(path) != path {
		err := fmt.Errorf("callback path %q must begin with / and hold nothing that browsers or cookies write otherwise, such as blanks, ; ? # and %%", path)
		return "", nil, hint.With(err, "write it as --callback-path /callback")
	}
	if o.Port < 0 || o.Port > math.MaxUint16 {
		return "", nil, hint.With(fmt.Errorf("%d is no possible callback port", o.Port), "ports are numbers from 1 to 65535")
	}
	if host, err = hostOf(o.Host); err != nil {
		return "", nil, hint.With(err, "leave out --callback-host; if the browser runs outside of this container, use --callback-bind 0.0.0.0")
	}
	addresses, err = addressesOf(host, o.Bind)
	return host, addresses, err
}

// hostOf accepts what stays on this machine.
func hostOf(host string) (string, error) {
	switch host {
	case "", DefaultHost:
		return DefaultHost, nil
	case "localhost":
		return host, nil
	case "::1", "[::1]":
		return "::1", nil
	}
	return "", fmt.Errorf("callback host %q is none of 127.0.0.1, localhost, ::1", host)
}

// addressesOf returns where to listen: at further, which may be "", and at those
// loopback addresses of host that further does not cover.
func addressesOf(host, further string) ([]netip.Addr, error) {
	var extra netip.Addr
	if further != "" {
		var err error
		if extra, err = netip.ParseAddr(further); err != nil {
			return nil, fmt.Errorf("callback address %q is no IP address of this machine, such as 0.0.0.0", foreign.Line(further))
		}
	}
	all := []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}
	switch host {
	case "127.0.0.1":
		all = all[:1]
	case "::1":
		all = all[1:]
	}
	all = slices.DeleteFunc(all, func(a netip.Addr) bool { return extra.IsUnspecified() && (extra.Is6() || a.Is4()) || a == extra })
	if extra.IsValid() {
		all = slices.Insert(all, 0, extra)
	}
	return all, nil
}

// bind listens on all addresses with one port. [::1] may be missing where it is not the
// first, as on machines without IPv6.
func bind(ctx context.Context, addresses []netip.Addr, port int) (bound []net.Listener, err error) {
	var lc net.ListenConfig
	for i, a := range addresses {
		ln, err := lc.Listen(ctx, "tcp", net.JoinHostPort(a.String(), strconv.Itoa(port)))
		if err == nil {
			bound, port = append(bound, ln), portOf(ln)
			continue
		}
		if i > 0 && a == netip.IPv6Loopback() {
			probe, missing := lc.Listen(ctx, "tcp", "[::1]:0")
			if missing != nil {
				continue
			}
			// [::1] exists, so another program has the port there and would get
			// the redirect.
			_ = probe.Close()
		}
		for _, ln := range bound {
			_ = ln.Close()
		}
		return nil, err
	}
	return bound, nil
}

func portOf(ln net.Listener) int {
	if address, ok := ln.Addr().(*net.TCPAddr); ok {
		return address.Port
	}
	return 0
}

// URI returns the redirect URI: Options.URI, else an IP literal as RFC 8252 section
// 8.3 advises.
func (l *Listener) URI() string { return l.uri }

// Here returns the address of the listener for the answer, which is the redirect
// URI unless that was chosen.
func (l *Listener) Here() string { return "http://" + l.host + l.path }

// Receive waits for the answer that carries state, or until ctx ends; the
// error is then the cause of that. begin is called as soon as the answer would
// be taken. It may be called again after finish.
func (l *Listener) Receive(ctx context.Context, state string, begin func()) (url.Values, func(account string, err error), error) {
	if state == "" {
		return nil, nil, errors.New("receive the redirect: no state to expect")
	}
	arrived, failed := make(chan answer, 1), make(chan error, 1)
	l.mu.Lock()
	l.state, l.arrived, l.failed = state, arrived, failed
	l.mu.Unlock()
	begin()
	select {
	case err := <-failed:
		return nil, nil, err
	case a := <-arrived:
		var once sync.Once
		return a.query, func(account string, err error) {
			once.Do(func() { a.outcome <- outcome{account, err} })
		}, nil
	case <-ctx.Done():
		l.mu.Lock()
		l.state = ""
		l.mu.Unlock()
		return nil, nil, context.Cause(ctx)
	}
}

// Close stops listening and cuts idle connections at once; browsers open
// some in advance and keep them. A tab whose outcome is being written gets up
// to two seconds.
func (l *Listener) Close() error {
	l.mu.Lock()
	l.state = ""
	l.stopLate()
	l.mu.Unlock()
	served := make(chan struct{})
	go func() { l.tabs.Wait(); close(served) }()
	select {
	case <-served:
	case <-time.After(closeTimeout):
	}
	err := l.server.Close()
	<-l.done
	<-served // handlers end when their connection does
	return err
}

// serve refuses everything but the answer; a browser's favicon request is the common
// case.
func (l *Listener) serve(w http.ResponseWriter, r *http.Request) {
	leading := l.leading(r.URL.Path)
	switch {
	case !l.ownHost(r.Host):
		// A page elsewhere whose name was pointed at 127.0.0.1.
		l.pages.refuse(w, r, http.StatusForbidden)
	case r.URL.Path != l.path && leading == nil:
		l.pages.refuse(w, r, http.StatusNotFound)
	case l.otherUser(r):
		l.pages.refuse(w, r, http.StatusForbidden)
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", http.MethodGet)
		l.pages.refuse(w, r, http.StatusMethodNotAllowed)
	case r.URL.Path == l.path:
		l.answer(w, r)
	default:
		l.lead(w, r, leading)
	}
}

// ownHost accepts the authority of the redirect URI, by either loopback name.
func (l *Listener) ownHost(host string) bool {
	_, port, _ := net.SplitHostPort(l.host)
	return host == l.host || strings.EqualFold(host, "localhost:"+port)
}

func (l *Listener) answer(w http.ResponseWriter, r *http.Request) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		l.pages.refuse(w, r, http.StatusBadRequest)
		return
	}
	if l.unmarked(r, query) {
		l.refuseUnmarked(w, r, query)
		return
	}
	if l.returned(r, query) {
		l.log.Debug("the browser came back from the provider without an answer")
		l.pages.fail(w, r, http.StatusOK, reasonReturned)
		l.fail(ErrReturned)
		return
	}
	a := answer{query: query, outcome: make(chan outcome, 1)}
	if !l.claim(a) {
		l.pages.refuse(w, r, http.StatusBadRequest)
		return
	}
	defer l.tabs.Done()
	select {
	case o := <-a.outcome:
		l.pages.show(w, r, o)
	case <-time.After(outcomeTimeout):
		l.pages.show(w, r, outcome{err: errNoOutcome})
	case <-r.Context().Done(): // the tab was closed, or the listener
	}
}

// claim hands a to the waiting login if it is the expected answer, whose state is
// spent with it.
func (l *Listener) claim(a answer) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.expects(a.query) {
		return false
	}
	l.state = ""
	l.stopLate()
	l.tabs.Add(1)
	l.arrived <- a
	return true
}

// expects reports whether query is the expected answer: exactly one state, equal to
// ours in constant time, and a code or an error with it. The caller holds mu.
func (l *Listener) expects(query url.Values) bool {
	return l.isState(query["state"]) && (query.Get("code") != "" || query.Get("error") != "")
}

// isState reports whether the states of a request are the one that is expected. The
// caller holds mu.
func (l *Listener) isState(states []string) bool {
	return l.state != "" && len(states) == 1 && subtle.ConstantTimeCompare([]byte(states[0]), []byte(l.state)) == 1
}
