package protover

import (
	"sync"
	"time"

	"github.com/go-json-experiment/json"
)

// Support says which protocols a server knows.
type Support string

// What servers speak.
const (
	// Unknown is a server nobody has asked, or whose answer proved nothing.
	Unknown Support = ""
	// Sessions is a server of 2024-11-05 to 2025-11-25 only.
	Sessions Support = "sessions"
	// Stateless is a server of 2026-07-28 only.
	Stateless Support = "stateless"
	// Both is a server that knows both; the client's own is used.
	Both Support = "both"
)

// Memory keeps what is known of one server from run to run, so that later
// starts need not ask. Implementations let it expire after [Lifetime],
// because "sessions" stays plausible for ever: a server that learns the newer
// protocol goes on answering the older one. They are safe for concurrent
// use; what they cannot keep they forget.
type Memory interface {
	// Recall returns what was kept, Unknown for nothing.
	Recall() Support
	// Keep replaces it; Unknown deletes it.
	Keep(Support)
}

// memoryOfRun is a Memory until the process ends.
type memoryOfRun struct {
	mu      sync.Mutex
	support Support
}

func (m *memoryOfRun) Recall() Support {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.support
}

func (m *memoryOfRun) Keep(s Support) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.support = s
}

// includes reports whether s includes one of the two protocols.
func (s Support) includes(other Support) bool { return s == other || s == Both }

// record is a Support as it is written down.
type record struct {
	Support Support   `json:"speaks"`
	At      time.Time `json:"at"`
}

// Encode writes s down for [Decode]; nil for Unknown.
func Encode(s Support, now time.Time) []byte {
	if s == Unknown {
		return nil
	}
	b, _ := json.Marshal(record{s, now.UTC().Truncate(time.Second)}) // cannot fail
	return b
}

// Decode returns what was written down, Unknown when it has expired, or when there is
// nothing.
func Decode(b []byte, now time.Time) Support {
	var n record
	if json.Unmarshal(b, &n) != nil || n.At.After(now) || now.Sub(n.At) > Lifetime {
		return Unknown
	}
	switch n.Support {
	case Sessions, Stateless, Both:
		return n.Support
	case Unknown:
	}
	return Unknown
}
