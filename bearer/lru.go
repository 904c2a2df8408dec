package bearer

import (
	stdjson "encoding/json"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// entry is one remembered verdict.
type entry struct {
	key      tokenKey
	identity Identity // if good
	err      error    // if refused
	weight   int
	fresh    time.Time // until then it is used without asking
	usable   time.Time // until then it is used if nobody can be asked; kept no longer
}

// lru keeps a bounded number of entries, and no more than a number of bytes,
// dropping the one that was not used for the longest time. It is not safe for
// concurrent use.
type lru struct {
	*simplelru.LRU[tokenKey, *entry]
	maxBytes, bytes int // maxBytes 0: entries are not weighed
}

func newLRU(maxEntries, maxBytes int) *lru {
	l := &lru{maxBytes: maxBytes}
	l.LRU, _ = simplelru.NewLRU(maxEntries, func(_ tokenKey, e *entry) { l.bytes -= e.weight }) // an error only of a size below 1
	return l
}

// get returns the entry of key, or nil if there is none or it has ended.
func (l *lru) get(key tokenKey, now time.Time) *entry {
	e, ok := l.Get(key)
	if ok && !now.Before(e.usable) {
		l.Remove(key)
		return nil
	}
	return e
}

// put keeps e in place of what was there. One that alone is over the bound is
// not kept.
func (l *lru) put(e *entry) {
	l.Remove(e.key)
	if l.maxBytes > 0 && e.weight > l.maxBytes {
		return
	}
	l.Add(e.key, e)
	for l.bytes += e.weight; l.maxBytes > 0 && l.bytes > l.maxBytes; {
		l.RemoveOldest()
	}
}

// Rough overhead of a Go value beside its text, rounded up.
const (
	entryBytes = 512
	valueBytes = 64
)

// weigh estimates the memory that an identity takes. The depth of claims is
// bounded by the decoder.
func weigh(id Identity) int {
	return entryBytes + len(id.Subject) + len(id.Issuer) + len(id.ClientID) + valueBytes*len(id.Scopes) + weighValue(id.Claims)
}

func weighValue(v any) int {
	n := valueBytes
	switch v := v.(type) {
	case string:
		n += len(v)
	case stdjson.Number:
		n += len(v)
	case []any:
		for _, item := range v {
			n += weighValue(item)
		}
	case map[string]any:
		for name, item := range v {
			n += valueBytes + len(name) + weighValue(item)
		}
	}
	return n
}
