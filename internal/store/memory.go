package store

import (
	"slices"
	"sync"
	"time"

	"mcp-login/internal/oauth"
)

// memory is the store of KindMemory.
type memory struct {
	mu      sync.Mutex
	creds   map[string]oauth.Credential
	entries map[string]Entry
	pending map[string]Pending
	cache   map[string][]byte
}

func newMemory() *memory {
	return &memory{creds: map[string]oauth.Credential{}, entries: map[string]Entry{}, pending: map[string]Pending{}, cache: map[string][]byte{}}
}

func (m *memory) load(key oauth.Key) (oauth.Credential, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	cred, ok := m.creds[key.ID()]
	if !ok {
		return oauth.Credential{}, oauth.ErrNotFound
	}
	e := m.entries[key.ID()]
	e.LastUsed = utc(time.Now())
	m.entries[key.ID()] = e
	return copyOf(cred), nil
}

func (m *memory) save(key oauth.Key, cred oauth.Credential, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.creds[key.ID()] = copyOf(cred)
	e := entryOf(key, cred, now, KindMemory)
	e.LastUsed = e.SavedAt
	m.entries[key.ID()] = e
}

func (m *memory) delete(key oauth.Key) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.creds, key.ID())
	delete(m.entries, key.ID())
}

func (m *memory) list() []Entry {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := make([]Entry, 0, len(m.entries))
	for _, e := range m.entries {
		list = append(list, e)
	}
	return list
}

// copyOf lets caller and store change their slices on their own, as they can
// when a disk is between them.
func copyOf(c oauth.Credential) oauth.Credential {
	c.RequestedScopes = slices.Clone(c.RequestedScopes)
	c.GrantedScopes = slices.Clone(c.GrantedScopes)
	return c
}
