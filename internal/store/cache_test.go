package store

import (
	"bytes"
	"testing"
)

// What is known about a server outlives the process, belongs to one identity,
// is bounded, and goes with the credential.
func TestCache(t *testing.T) {
	for name, open := range map[string]func() *Store{
		"memory": func() *Store { s, _ := Open(Options{Kind: KindMemory}); return s },
		"file": func() func() *Store {
			dir := t.TempDir()
			return func() *Store { s, _ := Open(Options{Kind: KindFile, Dir: dir}); return s }
		}(),
	} {
		t.Run(name, func(t *testing.T) {
			s, ctx, key := open(), t.Context(), keyFor("a")
			if b, err := s.LoadCache(ctx, key, "initialize-2025-06-18"); b != nil || err != nil {
				t.Fatalf("%q, %v", b, err)
			}
			must(t, s.SaveCache(ctx, key, "initialize-2025-06-18", []byte("x")))
			again := s
			if name == "file" {
				again = open()
			}
			if b, err := again.LoadCache(ctx, key, "initialize-2025-06-18"); string(b) != "x" || err != nil {
				t.Errorf("%q, %v", b, err)
			}
			if b, _ := again.LoadCache(ctx, keyFor("b"), "initialize-2025-06-18"); b != nil {
				t.Error("another identity's note")
			}
			for _, bad := range []string{"", "../x", "A", "a b", "a.lock", string(bytes.Repeat([]byte("a"), 41))} {
				if s.SaveCache(ctx, key, bad, nil) == nil {
					t.Errorf("name %q", bad)
				}
			}
			if s.SaveCache(ctx, key, "big", make([]byte, maxCache+1)) == nil {
				t.Error("a note of any size")
			}
			if name == "file" {
				must(t, s.Delete(ctx, key))
				if b, _ := s.LoadCache(ctx, key, "initialize-2025-06-18"); b != nil {
					t.Error("the note outlived the login")
				}
			}
		})
	}
}
