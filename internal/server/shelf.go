package server

import (
	"container/list"
	stdjson "encoding/json"
	"time"
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

// shelf keeps a bounded number of entries, dropping the one that was not used
// for the longest time. It is not safe for concurrent use.
type shelf struct {
	maxEntries, maxBytes int // maxBytes 0: entries are not weighed
	bytes                int
	order                *list.List // of *entry, the one used last in front
	entries              map[tokenKey]*list.Element
}

func newShelf(maxEntries, maxBytes int) *shelf {
	s := &shelf{maxEntries: maxEntries, maxBytes: maxBytes}
	s.clear()
	return s
}

// get returns the entry of key, or nil if there is none or it has ended.
func (s *shelf) get(key tokenKey, now time.Time) *entry {
	at := s.entries[key]
	if at == nil {
		return nil
	}
	e, _ := at.Value.(*entry)
	if !now.Before(e.usable) {
		s.remove(at)
		return nil
	}
	s.order.MoveToFront(at)
	return e
}

// put keeps e in place of what was there. One that alone is over the bound is
// not kept.
func (s *shelf) put(e *entry) {
	s.drop(e.key)
	if s.maxBytes > 0 && e.weight > s.maxBytes {
		return
	}
	s.entries[e.key] = s.order.PushFront(e)
	s.bytes += e.weight
	for s.order.Len() > s.maxEntries || s.maxBytes > 0 && s.bytes > s.maxBytes {
		s.remove(s.order.Back())
	}
}

// drop removes the entry of key and reports whether there was one.
func (s *shelf) drop(key tokenKey) bool {
	at := s.entries[key]
	if at != nil {
		s.remove(at)
	}
	return at != nil
}

func (s *shelf) remove(at *list.Element) {
	e, _ := s.order.Remove(at).(*entry)
	delete(s.entries, e.key)
	s.bytes -= e.weight
}

func (s *shelf) clear() {
	s.bytes, s.order, s.entries = 0, list.New(), make(map[tokenKey]*list.Element)
}

// What Go needs for a value beside its text, roughly and rather too much.
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
