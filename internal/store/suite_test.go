package store

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/grant"
)

// testStore is what every kind of store must do. open returns the
// store of one directory; durable ones are opened again and again.
func testStore(t *testing.T, open func(t testing.TB) *Store) {
	s := open(t)
	durable := s.kind != KindMemory
	again := func(t testing.TB) *Store {
		if durable {
			return open(t)
		}
		return s
	}
	t.Run("round trip", func(t *testing.T) { suiteRoundTrip(t, s, again) })
	t.Run("identities", func(t *testing.T) { suiteIdentities(t, s) })
	t.Run("delete", func(t *testing.T) { suiteDelete(t, s, again) })
	t.Run("lock", func(t *testing.T) { suiteLock(t, s, again) })
	t.Run("pending", func(t *testing.T) { suitePending(t, s, again) })
	t.Run("asks", func(t *testing.T) { suiteAsks(t, s, again) })
	t.Run("cache", func(t *testing.T) { suiteCache(t, s, again) })
	t.Run("list", func(t *testing.T) { suiteList(t, s, again) })
	t.Run("savers", func(t *testing.T) { suiteSavers(t, s, again) })
	t.Run("model", func(t *testing.T) { suiteModel(t, s, again) })
}

// fill sets every field of v to a value that is not zero, so that a field that
// the wire format forgets is noticed the day it is added.
func fill(t testing.TB, v reflect.Value, name string) {
	t.Helper()
	switch x := v.Addr().Interface().(type) {
	case *string:
		*x = "value of " + name + " \u00fc\U0001F511 \"\\"
	case *grant.ClientMetadata:
		*x = grant.ClientMetadata("value of " + name)
	case *bool:
		*x = true
	case *int:
		*x = 7
	case *[]string:
		*x = []string{name + " 1", name + " 2"}
	case *map[string]string:
		*x = map[string]string{name: name + " 1"}
	case *time.Time:
		*x = time.Date(2031, 2, 3, 4, 5, 6, 789, time.UTC)
	case *grant.Secret:
		*x = grant.NewSecret("secret " + name)
	default:
		if v.Kind() != reflect.Struct {
			t.Fatalf("field %s has a kind the store does not know", name)
		}
		for i := range v.NumField() {
			if !v.Type().Field(i).IsExported() {
				continue
			}
			fill(t, v.Field(i), name+"."+v.Type().Field(i).Name)
		}
	}
}

func suiteRoundTrip(t *testing.T, s *Store, again func(testing.TB) *Store) {
	ctx := t.Context()
	var cred oauth.Credential
	fill(t, reflect.ValueOf(&cred).Elem(), "cred")
	var key oauth.Key
	fill(t, reflect.ValueOf(&key).Elem(), "key")
	fails(t, s, key, oauth.ErrNotFound, "before the first save")
	for _, want := range []oauth.Credential{cred, {}, {AccessToken: grant.NewSecret(strings.Repeat("x", 300<<10))}, cred} {
		must(t, s.Save(ctx, key, want))
		for _, reader := range []*Store{s, again(t)} {
			got, err := reader.Load(ctx, key)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Fatalf("loaded another credential than was saved (%v)\n%+v\n%+v", err, got, want)
			}
		}
	}
	if text := s.Describe(key); text == "" || strings.Contains(text, "nothing") {
		t.Errorf("Describe: %q", text)
	}
	if kind := s.KeptIn(key); kind == "" || kind == KindAuto || s.kind != KindAuto && kind != s.kind {
		t.Errorf("kept in %q by a store of kind %q", kind, s.kind)
	}
	if kind := s.KeptIn(keyFor("unknown")); s.kind != KindMemory && kind != "" {
		t.Errorf("nothing is kept in %q", kind)
	}
	if text := s.Describe(keyFor("unknown")); s.kind != KindMemory && !strings.Contains(text, "nothing") {
		t.Errorf("Describe of nothing: %q", text)
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if err := s.Save(gone, key, oauth.Credential{}); !errors.Is(err, context.Canceled) {
		t.Errorf("save with a context that has ended: %v", err)
	}
	if _, err := s.Load(gone, key); !errors.Is(err, context.Canceled) {
		t.Errorf("load with a context that has ended: %v", err)
	}
}

// Another profile, client, resource or scope set is
// another identity.
func suiteIdentities(t *testing.T, s *Store) {
	base := oauth.Key{Server: "https://one.example/mcp"}
	keys := []oauth.Key{
		base,
		{Server: base.Server + "x"},
		{Server: base.Server, Profile: "work"},
		{Server: base.Server, ClientID: "work"},
		{Server: base.Server, Resource: "work"},
		{Server: base.Server, Scopes: []string{"work"}},
		{Server: base.Server, Scopes: []string{"wo", "rk"}},
	}
	for i, k := range keys {
		save(t, s, k, i)
	}
	for i, k := range keys {
		got, err := s.Load(t.Context(), k)
		if err != nil || numberOf(t, got) != i {
			t.Errorf("identity %d: %+v %v", i, got, err)
		}
	}
}

func suiteDelete(t *testing.T, s *Store, again func(testing.TB) *Store) {
	ctx, key := t.Context(), keyFor("delete")
	if err := s.Delete(ctx, key); err != nil {
		t.Fatalf("delete of nothing: %v", err)
	}
	save(t, s, key, 1)
	must(t, again(t).Delete(ctx, key))
	fails(t, s, key, oauth.ErrNotFound, "after delete")
	list, err := s.List(ctx)
	if err != nil || slices.ContainsFunc(list, func(e Entry) bool { return e.ID == key.ID() }) {
		t.Errorf("still listed after delete: %v %v", list, err)
	}
}

// One holder among goroutines and stores. The count of each store is not
// atomic on purpose: the race detector watches it. Between stores only the
// kernel's lock stands, which the race detector does not see.
func suiteLock(t *testing.T, s *Store, again func(testing.TB) *Store) {
	key := keyFor("lock")
	stores := []*Store{s}
	if other := again(t); other != s {
		stores = append(stores, other, again(t))
	}
	counts := make([]int, len(stores))
	var holders atomic.Int32
	var all sync.WaitGroup
	for i, store := range stores {
		for range 4 {
			all.Go(func() {
				for range 5 {
					unlock, err := store.Lock(t.Context(), key)
					if err != nil {
						t.Error(err)
						return
					}
					if holders.Add(1) != 1 {
						t.Error("two holders")
					}
					counts[i]++
					holders.Add(-1)
					unlock()
				}
			})
		}
	}
	all.Wait()
	for _, count := range counts {
		if count != 20 {
			t.Errorf("%d of 20", count)
		}
	}
	suiteLockHeld(t, s, again, key)
}

// suiteLockHeld is what a held lock keeps out, and what its release lets in.
func suiteLockHeld(t *testing.T, s *Store, again func(testing.TB) *Store, key oauth.Key) {
	unlock := lock(t, s, key)
	other, err := s.Lock(t.Context(), keyFor("another lock"))
	if err != nil {
		t.Fatalf("the lock of another identity: %v", err)
	}
	other()
	for _, waiter := range []*Store{s, again(t)} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if _, err := waiter.Lock(ctx, key); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a second holder, or the wrong error: %v", err)
		}
		cancel()
	}
	unlock()
	unlock() // the second call does not free somebody else's lock
	third := lock(t, again(t), key)
	unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.Lock(ctx, key); err == nil {
		t.Error("an old unlock has freed a new lock")
	}
	third()
}

func suitePending(t *testing.T, s *Store, again func(testing.TB) *Store) {
	ctx, key := t.Context(), keyFor("pending")
	want := Pending{
		URL: "https://issuer.example/auth?x=1", Issuer: "https://issuer.example", LocalURL: "http://127.0.0.1:7/a", Cookie: "m=1", Here: true, UserCode: "AB-CD",
		RedirectURI: "http://127.0.0.1:7/callback", PasteFrom: "https://app.example/callback", Started: time.Now(), Deadline: time.Now().Add(time.Minute), PID: 7,
	}
	for member := range reflect.ValueOf(want).NumField() {
		if reflect.ValueOf(want).Field(member).IsZero() {
			t.Fatal("a member that is not looked at:", reflect.TypeOf(want).Field(member).Name)
		}
	}
	if err := s.SetPending(ctx, key, want); err == nil {
		t.Error("a login published without the lock")
	}
	if _, ok, err := s.Pending(ctx, key); ok || err != nil {
		t.Errorf("a login in progress before the lock: %v %v", ok, err)
	}
	unlock := lockLogin(t, s, key)
	if _, ok, err := again(t).Pending(ctx, key); ok || err != nil {
		t.Errorf("a login in progress before it was published: %v %v", ok, err)
	}
	must(t, s.SetPending(ctx, key, want))
	want.Started, want.Deadline = utc(want.Started), utc(want.Deadline)
	for _, waiter := range []*Store{s, again(t)} {
		if got, ok, err := waiter.Pending(ctx, key); !ok || err != nil || got != want {
			t.Errorf("the waiter sees %+v %v %v", got, ok, err)
		}
	}
	unlock()
	if _, ok, err := again(t).Pending(ctx, key); ok || err != nil {
		t.Errorf("a login in progress after the lock: %v %v", ok, err)
	}
}

// What is known about a server outlives the process, belongs to one identity,
// is bounded, and goes with the credential.
func suiteCache(t *testing.T, s *Store, again func(testing.TB) *Store) {
	ctx, key, name := t.Context(), keyFor("cache"), "initialize-2025-06-18"
	known := func(key oauth.Key) string {
		t.Helper()
		b, err := again(t).LoadCache(ctx, key, name)
		must(t, err)
		return string(b)
	}
	if got := known(key); got != "" {
		t.Errorf("before anything is kept: %q", got)
	}
	must(t, s.SaveCache(ctx, key, name, []byte("x")))
	if got := known(key); got != "x" {
		t.Errorf("%q", got)
	}
	if got := known(keyFor("b")); got != "" {
		t.Error("another identity's value")
	}
	for _, bad := range []string{"", "../x", "A", "a b", "a.lock", strings.Repeat("a", 41)} {
		if s.SaveCache(ctx, key, bad, nil) == nil {
			t.Errorf("name %q", bad)
		}
	}
	if s.SaveCache(ctx, key, "big", make([]byte, maxCache+1)) == nil {
		t.Error("a value of any size")
	}
	must(t, s.Delete(ctx, key))
	if got := known(key); s.kind != KindMemory && got != "" {
		t.Error("the cached value outlived the login")
	}
}

func suiteList(t *testing.T, s *Store, again func(testing.TB) *Store) {
	ctx := t.Context()
	key := oauth.Key{Server: "https://list.example/mcp", Profile: "work", ClientID: "given", Scopes: []string{"b", "a"}}
	expiry := time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)
	cred := oauth.Credential{
		Issuer: "https://issuer.example", Resource: "https://list.example/", Account: "alice@example.com", Expiry: expiry,
		AccessToken: grant.NewSecret("a"), RefreshToken: grant.NewSecret("r"),
		Registration: grant.Registration{ClientID: "registered"}, GrantedScopes: []string{"a"}, RequestedScopes: []string{"a", "b"},
	}
	must(t, s.Save(ctx, key, cred))
	for _, reader := range []*Store{s, again(t)} {
		list, err := reader.List(ctx)
		must(t, err)
		i := slices.IndexFunc(list, func(e Entry) bool { return e.ID == key.ID() })
		if i < 0 {
			t.Fatal("not listed")
		}
		got := list[i]
		if got.SavedAt.IsZero() || got.LastUsed.Before(got.SavedAt) || got.Store == "" || got.Store == KindAuto || got.Problem != "" {
			t.Errorf("%+v", got)
		}
		want := Entry{
			ID: key.ID(), Key: key, Account: "alice@example.com", Issuer: "https://issuer.example", ClientID: "registered", Resource: "https://list.example/",
			Requested: []string{"a", "b"}, Scopes: []string{"a"}, Store: got.Store, HasToken: true, Refreshable: true, Expiry: expiry, SavedAt: got.SavedAt, LastUsed: got.LastUsed,
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("listed\n%+v, want\n%+v", got, want)
		}
		if !slices.IsSortedFunc(list, func(a, b Entry) int { return strings.Compare(a.Key.Server, b.Key.Server) }) {
			t.Error("the list is not ordered by server")
		}
	}
}

// Whoever reads while others save sees one of the saved credentials whole.
func suiteSavers(t *testing.T, s *Store, again func(testing.TB) *Store) {
	ctx, key := t.Context(), keyFor("savers")
	save(t, s, key, 0)
	var all sync.WaitGroup
	for saver := range 4 {
		other := again(t)
		all.Go(func() {
			for i := range 5 {
				if err := other.Save(ctx, key, numbered(saver*100+i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	reader := again(t)
	all.Go(func() {
		for range 50 {
			cred, err := reader.Load(ctx, key)
			if err != nil {
				t.Errorf("load during saves: %v", err)
				return
			}
			numberOf(t, cred)
		}
	})
	all.Wait()
}

// A store behaves like a map from identities to credentials.
func suiteModel(t *testing.T, s *Store, again func(testing.TB) *Store) {
	ctx := t.Context()
	part := rapid.SampledFrom([]string{"", "a", "b", "1:a", "a1:"})
	key := rapid.Custom(func(t *rapid.T) oauth.Key {
		return oauth.Key{
			Server: "https://model.example/" + part.Draw(t, "server"), Profile: part.Draw(t, "profile"),
			ClientID: part.Draw(t, "client"), Scopes: rapid.SliceOfN(part, 0, 2).Draw(t, "scopes"),
		}
	})
	model := map[string]int{}
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		k := key.Draw(rt, "key")
		n++
		switch rapid.IntRange(0, 2).Draw(rt, "operation") {
		case 0:
			model[k.ID()] = n
			if err := s.Save(ctx, k, numbered(n)); err != nil {
				rt.Fatal(err)
			}
		case 1:
			delete(model, k.ID())
			if err := s.Delete(ctx, k); err != nil {
				rt.Fatal(err)
			}
		}
		got, err := again(t).Load(ctx, k)
		want, ok := model[k.ID()]
		if ok != (err == nil) || ok && numberOf(t, got) != want || !ok && !errors.Is(err, oauth.ErrNotFound) {
			rt.Fatalf("%+v: %+v %v, want %d %v", k, got, err, want, ok)
		}
	})
}
