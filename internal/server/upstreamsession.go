package server

import (
	"context"
	"errors"
	"net/http"

	"github.com/mark3labs/mcp-go/mcp"

	"mcp-login/bearer"
	"mcp-login/internal/server/gateway"
)

// upstreamSession is a session of Streamable HTTP at the upstream; the zero value is none.
type upstreamSession struct {
	owner    principal
	nonce    gateway.Nonce // by which it is counted
	sealed   string        // its id for the client
	upstream string        // its id at the upstream
}

// errNotSealedHere is for the log: the id is somebody else's, or of a process with another
// secret.
var errNotSealedHere = errors.New("the session is not this caller's, or not of this --gateway-secret-file: without one it ends with the process, and replicas need the same")

// errNoQuestion is for the log: the client has lost its session, or the upstream has none.
var errNoQuestion = errors.New("an answer without a session: the upstream asks clients, for which it needs sessions")

// session returns the session that a request names, or none, or answers itself and returns
// false. An id that was sealed for somebody else is answered like one that does not exist,
// whatever the method. In 2026-07-28 there are no sessions, and an id means nothing.
func (u *upstream) session(w http.ResponseWriter, r *http.Request, id bearer.Identity) (s upstreamSession, ok bool) {
	s = upstreamSession{owner: u.principal(id), sealed: r.Header.Get(headerSessionID)}
	if s.sealed == "" || mcp.IsModernProtocol(r.Header.Get(mcp.HeaderProtocolVersion)) {
		return upstreamSession{}, true
	}
	if s.nonce, s.upstream, ok = u.gateway.Open(gateway.StreamableHTTP, s.owner.key(), s.sealed); !ok {
		recordReason(r.Context(), errNotSealedHere)
		noSession(w)
		return s, false
	}
	return s, u.counted(w, r, s)
}

// count counts a session as used, also one that began elsewhere; false means that the user
// has too many. A store that does not answer is no reason to refuse: whose a session is does
// not depend on it.
func (u *upstream) count(ctx context.Context, s upstreamSession) (bool, error) {
	if s.nonce == (gateway.Nonce{}) {
		return true, nil
	}
	user, name := s.owner.user(), s.owner.session(s.nonce.String())
	known, err := u.sessions.Touch(ctx, user, name, u.ops.SessionIdle)
	if !known && err == nil {
		known, err = u.sessions.Begin(ctx, user, name, u.ops.MaxSessions, u.ops.SessionIdle)
	}
	return known || err != nil, err
}

// counted is count, or answers itself and returns false.
func (u *upstream) counted(w http.ResponseWriter, r *http.Request, s upstreamSession) bool {
	ok, err := u.count(r.Context(), s)
	recordReason(r.Context(), err)
	if !ok {
		tooMany(w, 60, "too_many_sessions", "Too many sessions. End those that are not used.")
	}
	return ok
}

// begin passes initialize on, and names the caller's new session if there is one.
func (u *upstream) begin(w http.ResponseWriter, r *http.Request, id bearer.Identity, in incoming) {
	s := upstreamSession{owner: u.principal(id), nonce: gateway.NewNonce()}
	if !u.counted(w, r, s) {
		return
	}
	c := u.call(r, id, upstreamSession{}, in.body)
	resp, ok := u.send(w, r, in.body, func() (*http.Response, error) { return u.gateway.Streamable(r.Context(), c) }) //nolint:bodyclose // relay closes it
	if !ok {
		u.forget(r, s)
		return
	}
	if session := resp.Header.Get(headerSessionID); session != "" && resp.StatusCode < 300 {
		w.Header().Set(headerSessionID, u.gateway.Seal(s.nonce, gateway.StreamableHTTP, s.owner.key(), session))
	} else {
		u.forget(r, s)
	}
	u.misplaced(r, c, resp)
	u.relay(w, r, c, &gateway.Relay{}, resp)
}

// forget ends the count of a session. The request may have ended meanwhile.
func (u *upstream) forget(r *http.Request, s upstreamSession) {
	if s.nonce == (gateway.Nonce{}) {
		return
	}
	_, err := u.sessions.End(context.WithoutCancel(r.Context()), s.owner.user(), s.owner.session(s.nonce.String()))
	recordReason(r.Context(), err)
}
