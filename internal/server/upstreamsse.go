package server

import (
	"context"
	stdjson "encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"

	"mcp-login/bearer"
	"mcp-login/internal/server/gateway"
)

// openRequests are those of a session of HTTP+SSE that are not answered yet: answers come on
// its stream, which must not end before them.
type openRequests struct {
	underWay

	lock sync.Mutex
	ids  map[string]struct{} // see [gateway.RequestID]
}

// begin is enter for a request, before it is sent.
func (q *openRequests) begin(id string) error {
	if err := q.enter(); err != nil {
		return err
	}
	q.lock.Lock()
	defer q.lock.Unlock()
	if _, twice := q.ids[id]; twice {
		q.exit()
	}
	q.ids[id] = struct{}{}
	return nil
}

// end is exit for a request that is answered, or never will be.
func (q *openRequests) end(id string) {
	q.lock.Lock()
	defer q.lock.Unlock()
	if _, begun := q.ids[id]; begun {
		delete(q.ids, id)
		q.exit()
	}
}

// serveSSE opens a stream of HTTP+SSE. Its session is the address that the upstream
// names for messages, and the replica that holds the stream.
func (u *upstream) serveSSE(w http.ResponseWriter, r *http.Request, id bearer.Identity) {
	requests := &openRequests{underWay: underWay{limit: min(maxInFlight, u.ops.MaxCalls)}, ids: make(map[string]struct{})}
	c, endpoint := u.call(r, id, upstreamSession{}, nil), ""
	resp, ok := u.send(w, r, nil, func() (resp *http.Response, err error) { //nolint:bodyclose // relay closes it
		resp, endpoint, err = u.gateway.SSE(r.Context(), c, requests.end)
		return resp, err
	})
	if !ok {
		return
	}
	if u.ops.Bus != nil {
		endpoint += "\n" + u.ops.Bus.Self()
	}
	nonce := gateway.NewNonce()
	session := u.gateway.Seal(nonce, gateway.HTTPWithSSE, u.principal(id).key(), endpoint)
	u.requests.Store(nonce.String(), requests)
	defer u.requests.Delete(nonce.String())
	stop, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(u.streams, func() {
		// What is being answered is waited for, nothing new is taken.
		idle, _ := requests.close()
		select {
		case <-idle:
			cancel()
		case <-stop.Done():
		}
	})()
	u.relay(w, r, c, &gateway.Relay{
		First: "event: endpoint\ndata: " + u.layout.prefix + pathMessages + "?sessionId=" + session + "\n\n",
		Stop:  stop,
	}, resp)
}

// serveMessage passes a message of HTTP+SSE on, whichever process holds its stream.
func (u *upstream) serveMessage(w http.ResponseWriter, r *http.Request, id bearer.Identity, in incoming) {
	defer in.release()
	nonce, sealed, ok := u.gateway.Open(gateway.HTTPWithSSE, u.principal(id).key(), r.URL.Query().Get("sessionId"))
	if !ok {
		recordReason(r.Context(), errNotSealedHere)
		noSession(w)
		return
	}
	endpoint, replica, _ := strings.Cut(sealed, "\n")
	p := posted{Session: nonce.String(), Request: gateway.RequestID(in.body, in.Method)}
	cancels := in.Method == string(mcp.MethodNotificationCancelled)
	asks := in.Method != "" && p.Request != "" && !cancels
	if asks {
		if outcome := u.note(r.Context(), replica, p); outcome != accepted {
			refuseMessage(w, r, outcome)
			return
		}
	}
	c := u.call(r, id, upstreamSession{}, in.body)
	resp, ok := u.send(w, r, in.body, func() (*http.Response, error) { return u.gateway.Message(r.Context(), endpoint, c) }) //nolint:bodyclose // relay closes it
	if asks && (!ok || resp.StatusCode >= 300) || cancels {
		p.Over = true
		u.note(context.WithoutCancel(r.Context()), replica, p)
	}
	if !ok {
		return
	}
	if resp.StatusCode < 300 {
		resp.StatusCode = http.StatusAccepted
	}
	u.relay(w, r, c, &gateway.Relay{}, resp)
}

// posted tells the replica that holds a stream of a request that is sent to the upstream, or
// that no answer to it will come.
type posted struct {
	Session, Request string
	Over             bool
}

// note tells whoever holds the stream of a session what is posted to it. A bus that does not
// answer is no reason to refuse, and without one nobody can be asked: the upstream takes the
// message, and what is lost is an answer at the end of a replica.
func (u *upstream) note(ctx context.Context, replica string, p posted) acceptance {
	switch bus := u.ops.Bus; {
	case bus == nil:
		return u.noteHere(p, accepted)
	case replica == bus.Self():
		return u.noteHere(p, noSuchSession)
	}
	ask := func() acceptance {
		outcome, err := u.forward(ctx, replica, p)
		if err != nil {
			u.log.Debug("the replica that holds a stream was not told", slog.Any("error", err))
			return accepted
		}
		return outcome
	}
	// Nobody waits for that. Should it overtake its own Begin, a stop waits in vain, and ends.
	if p.Over {
		go ask()
		return accepted
	}
	return ask()
}

// noteHere is note for a stream that this process may hold, and otherwise if it does not.
func (u *upstream) noteHere(p posted, otherwise acceptance) acceptance {
	value, held := u.requests.Load(p.Session)
	if !held {
		return otherwise
	}
	requests := value.(*openRequests)
	if p.Over {
		requests.end(p.Request)
		return accepted
	}
	return acceptanceOf(requests.begin(p.Request))
}

// answerReplica takes note of what is posted at another replica.
func (u *upstream) answerReplica(_ context.Context, request []byte) []byte {
	var p posted
	if err := stdjson.Unmarshal(request, &p); err != nil {
		u.log.Error("a replica's message is not understood", slog.Any("error", err))
		return nil
	}
	return []byte(u.noteHere(p, noSuchSession))
}
