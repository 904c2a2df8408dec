package protover

import (
	"sync"
	"time"

	"github.com/go-json-experiment/json"
)

// Speaks says which protocols a server knows.
type Speaks string

// What servers speak.
const (
	// Unknown is a server nobody has asked, or whose answer proved nothing.
	Unknown Speaks = ""
	// Sessions is a server of 2024-11-05 to 2025-11-25 only.
	Sessions Speaks = "sessions"
	// Stateless is a server of 2026-07-28 only.
	Stateless Speaks = "stateless"
	// Both is a server that knows both; the client's own is used.
	Both Speaks = "both"
)

// Verdicts keeps what is known of one server from run to run, so that later
// starts need not ask. Implementations let a verdict expire after [Lifetime],
// because "sessions" stays plausible for ever: a server that learns the newer
// protocol goes on answering the older one (E10). They are safe for concurrent
// use; what they cannot keep they forget.
type Verdicts interface {
	// Recall returns the verdict, Unknown for none.
	Recall() Speaks
	// Keep replaces the verdict; Unknown deletes it.
	Keep(Speaks)
}

// thisRun keeps a verdict until the process ends.
type thisRun struct {
	mu     sync.Mutex
	speaks Speaks
}

func (v *thisRun) Recall() Speaks {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.speaks
}

func (v *thisRun) Keep(s Speaks) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.speaks = s
}

// knows reports whether a verdict includes one of the two protocols.
func (s Speaks) knows(other Speaks) bool { return s == other || s == Both }

// note is a verdict as it is written down.
type note struct {
	Speaks Speaks    `json:"speaks"`
	At     time.Time `json:"at"`
}

// Note writes a verdict down for [Read]; nil for Unknown.
func Note(s Speaks, now time.Time) []byte {
	if s == Unknown {
		return nil
	}
	b, _ := json.Marshal(note{s, now.UTC().Truncate(time.Second)}) // cannot fail
	return b
}

// Read returns a verdict that was written down, Unknown when it has expired, or
// when there is none.
func Read(b []byte, now time.Time) Speaks {
	var n note
	if json.Unmarshal(b, &n) != nil || n.At.After(now) || now.Sub(n.At) > Lifetime {
		return Unknown
	}
	switch n.Speaks {
	case Sessions, Stateless, Both:
		return n.Speaks
	case Unknown:
	}
	return Unknown
}
