package server

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"sync"
	"time"

	"mcp-login/bearer"
)

// principal is whom a session belongs to. The application counts as well: a
// token that another application holds for the same person is another caller.
// So does the resource: servers for several may share one store, and a token for
// one of them must open nothing at another.
type principal struct{ resource, issuer, subject, client string }

func (s *front) principal(id bearer.Identity) principal {
	return principal{s.layout.resource, id.Issuer, id.Subject, id.ClientID}
}

// key names the principal without telling who it is: it may be kept in a store
// that others can read.
func (p principal) key() string { return hashed(p.resource, p.issuer, p.subject, p.client) }

// user names the principal whatever the application. Sessions are counted by it:
// a person may register as many applications as an issuer allows.
func (p principal) user() string { return hashed(p.resource, p.issuer, p.subject) }

// session is the name under which the user's store has a session of the
// principal.
func (p principal) session(id string) string { return id + "." + hashed(p.client) }

func hashed(parts ...string) string {
	var usual [512]byte
	all := usual[:0]
	for _, part := range parts {
		all = binary.BigEndian.AppendUint64(all, uint64(len(part)))
		all = append(all, part...)
	}
	sum := sha256.Sum256(all)
	var text [(sha256.Size*8 + 5) / 6]byte
	base64.RawURLEncoding.Encode(text[:], sum[:])
	return string(text[:])
}

// SessionStore keeps the sessions of Streamable HTTP (MCP 2025-03-26 to
// 2025-11-25). Each is kept under its owner, a user at a resource, with an id that
// has the application in it, so that a session of somebody else cannot be told
// from one that does not exist (MCP 2025-11-25, Security Best Practices, Session
// Hijacking). An error means that the store did not answer; the client is told 503.
type SessionStore interface {
	// Begin adds a session unless owner has limit of them; false means so.
	// It ends by itself when it was not touched for idle.
	Begin(ctx context.Context, owner, id string, limit int, idle time.Duration) (bool, error)
	// Touch reports whether owner has such a session, which is used thereby.
	Touch(ctx context.Context, owner, id string, idle time.Duration) (bool, error)
	// End removes a session and reports whether owner had it.
	End(ctx context.Context, owner, id string) (bool, error)
}

// sweepPause is how often what has expired is looked for.
const sweepPause = time.Minute

// memorySessions is the [SessionStore] of a server without replicas.
type memorySessions struct {
	mu     sync.Mutex
	owners map[string]map[string]time.Time // owner, id, when it ends
	swept  time.Time
}

func newMemorySessions() *memorySessions {
	return &memorySessions{owners: make(map[string]map[string]time.Time), swept: time.Now()}
}

// Begin implements SessionStore.
func (m *memorySessions) Begin(_ context.Context, owner, id string, limit int, idle time.Duration) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if now.Sub(m.swept) >= sweepPause {
		for o := range m.owners {
			m.expire(o, now)
		}
		m.swept = now
	}
	m.expire(owner, now)
	mine := m.owners[owner]
	if len(mine) >= limit {
		return false, nil
	}
	if mine == nil {
		mine = make(map[string]time.Time)
		m.owners[owner] = mine
	}
	mine[id] = now.Add(idle)
	return true, nil
}

// expire is called with mu held.
func (m *memorySessions) expire(owner string, now time.Time) {
	mine := m.owners[owner]
	for id, end := range mine {
		if !now.Before(end) {
			delete(mine, id)
		}
	}
	if len(mine) == 0 {
		delete(m.owners, owner)
	}
}

// Touch implements SessionStore.
func (m *memorySessions) Touch(_ context.Context, owner, id string, idle time.Duration) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	end, ok := m.owners[owner][id]
	if !ok || !now.Before(end) {
		return false, nil
	}
	m.owners[owner][id] = now.Add(idle)
	return true, nil
}

// End implements SessionStore.
func (m *memorySessions) End(ctx context.Context, owner, id string) (bool, error) {
	ok, err := m.Touch(ctx, owner, id, time.Hour)
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.owners[owner], id)
	if len(m.owners[owner]) == 0 {
		delete(m.owners, owner)
	}
	return ok, err
}
