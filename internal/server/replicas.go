package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"mcp-login/bearer"
)

// Bus connects the replicas of a server. It is trusted: whoever can write to it
// can speak for every user.
type Bus interface {
	SessionStore
	// Self names this replica by letters and digits; no two processes ever
	// have the same name.
	Self() string
	// Request hands a message to a replica and returns its reply. The error
	// matches ErrNoReplica when no such replica lives any more.
	Request(ctx context.Context, replica string, message []byte) ([]byte, error)
	// HandleRequests sets the function that replies to messages of other replicas.
	// It is called once, before the first request is served.
	HandleRequests(reply func(ctx context.Context, message []byte) []byte)
	// Broadcast hands a message to all other replicas that can be reached, and does
	// not wait for them. HandleBroadcasts sets the function that takes such messages; it is
	// called once, before the first request is served.
	Broadcast(message []byte)
	HandleBroadcasts(take func(message []byte))
	// Remember keeps what for all replicas until then, and reports whether none of them had it.
	Remember(ctx context.Context, what [sha256.Size]byte, until time.Time) (first bool, err error)
	// Healthy is nil while the bus works.
	Healthy() error
}

// ErrNoReplica says that a replica does not live any more, and so neither do
// the streams it held.
var ErrNoReplica = errors.New("no such replica")

// forwarded is a message for an HTTP+SSE session that another replica holds,
// with the sender as this one has verified it for its resource.
type forwarded struct {
	Resource string
	Session  string
	Identity bearer.Identity
	Message  []byte
}

// forward tells the replica that holds a session about a message of it.
func (s *front) forward(ctx context.Context, replica string, about any) (acceptance, error) {
	request, err := stdjson.Marshal(about)
	if err != nil {
		return "", fmt.Errorf("encode message for a replica: %w", err)
	}
	reply, err := s.ops.Bus.Request(ctx, replica, request)
	switch {
	case errors.Is(err, ErrNoReplica):
		s.metrics.forwards.WithLabelValues("no_replica").Inc()
		return noSuchSession, nil
	case err != nil:
		s.metrics.forwards.WithLabelValues("error").Inc()
		return "", fmt.Errorf("forward message: %w", err)
	}
	switch verdict := acceptance(reply); verdict {
	case accepted, noSuchSession, tooManyAtATime:
		s.metrics.forwards.WithLabelValues(string(verdict)).Inc()
		return verdict, nil
	}
	s.metrics.forwards.WithLabelValues("error").Inc()
	return "", errors.New("forward message: the replica's reply is not understood")
}

// answerReplica takes what another replica forwards. That the session belongs
// to the sender is checked here, where the session is.
func (s *whoami) answerReplica(_ context.Context, request []byte) []byte {
	var f forwarded
	d := stdjson.NewDecoder(bytes.NewReader(request))
	d.UseNumber() // as in the claims of a token verified here
	if err := d.Decode(&f); err != nil {
		s.log.Error("a replica's message is not understood", slog.Any("error", err))
		return nil
	}
	if f.Resource != s.layout.resource {
		return []byte(noSuchSession) // its sender was verified for another resource
	}
	held := &reservation{limits: s.limits, owner: ownerOf(f.Identity)}
	if held.reserveBytes(max(len(f.Message), leastBody)) != nil || reserveValues(f.Message, held.reserveBytes) != nil || held.reserveCall() != nil {
		held.release()
		return []byte(tooManyAtATime)
	}
	return []byte(s.acceptMessage(f.Session, f.Identity, f.Message, held))
}
