package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/grant"
)

// asksOf reads what is known without a change.
func asksOf(t testing.TB, s *Store, key oauth.Key) (known oauth.AskState) {
	t.Helper()
	err := s.ChangeAsks(t.Context(), key, func(a oauth.AskState) oauth.AskState { known = a; return a })
	must(t, err)
	return known
}

func suiteAsks(t *testing.T, s *Store, again func(testing.TB) *Store) {
	key := keyFor("asks")
	var want oauth.Ask
	fillAsk(t, reflect.ValueOf(&want).Elem())
	state := oauth.AskState{Asks: []oauth.Ask{want, {Asked: want.Asked.Add(time.Second)}}}
	must(t, s.ChangeAsks(t.Context(), key, func(oauth.AskState) oauth.AskState { return state }))
	other := key
	other.ClientID, other.Scopes = "another account", []string{"a"}
	for _, same := range []oauth.Key{key, other} {
		if got := asksOf(t, again(t), same); !reflect.DeepEqual(got, state) {
			t.Errorf("known of the server and profile: %+v", got)
		}
	}
	other.Profile = "another"
	if got := asksOf(t, again(t), other); len(got.Asks) != 0 {
		t.Errorf("known of another profile: %+v", got)
	}
	must(t, again(t).ChangeAsks(t.Context(), key, func(oauth.AskState) oauth.AskState { return oauth.AskState{} }))
	if got := asksOf(t, s, key); len(got.Asks) != 0 {
		t.Errorf("known after it was forgotten: %+v", got)
	}
}

// fillAsk sets every field, so that one that is not kept is noticed.
func fillAsk(t testing.TB, v reflect.Value) {
	for i := range v.NumField() {
		switch field := v.Field(i); field.Kind() {
		case reflect.String:
			field.SetString("value " + v.Type().Field(i).Name)
		default:
			if field.Type() == reflect.TypeFor[oauth.Question]() {
				fillAsk(t, field)
				continue
			}
			fill(t, field, v.Type().Field(i).Name)
		}
	}
}

// A record that is broken, or of a later version, is no reason to fail.
func TestAsksThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"empty": "", "no JSON": "{", "later": `{"format":9,"new":1,"asks":[{"identity":"a","asked_at":"2026-01-01T00:00:00Z","new":2}]}`, "too large": strings.Repeat(" ", maxFile+1),
	} {
		s := mustOpen(t, Options{Dir: t.TempDir(), Kind: KindFile, Notice: func(string, string) {}})
		path := filepath.Join(s.dir, keyFor("a").ID()+asksSuffix)
		must(t, os.WriteFile(path, []byte(text), 0o600))
		known := asksOf(t, s, keyFor("a"))
		if want := map[string]int{"later": 1}[name]; len(known.Asks) != want {
			t.Errorf("%s: %+v", name, known)
		}
		err := s.ChangeAsks(t.Context(), keyFor("a"), func(oauth.AskState) oauth.AskState {
			return oauth.AskState{Asks: []oauth.Ask{{Asked: time.Unix(1, 0).UTC()}}}
		})
		if err != nil || len(asksOf(t, s, keyFor("a")).Asks) != 1 {
			t.Errorf("%s: not written again: %v", name, err)
		}
	}
}

// Twenty processes that want to ask at the same moment, each for an account of
// its own on one server, are allowed three tabs together.
func TestAsksOfManyProcesses(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "store")
	allowed := 0
	for _, p := range startTogether(t, 20, func(i int) *exec.Cmd { return helper(t, "ask", dir, "file", "os", fmt.Sprint("account", i)) }) {
		if p.lines.Scan() && p.lines.Text() == "allowed" {
			allowed++
		}
		if err := p.Wait(); err != nil {
			t.Error(err)
		}
	}
	if allowed != 3 {
		t.Errorf("%d of 20 may ask", allowed)
	}
}

// helperAsk says whether it may ask, together with others: ACCOUNT.
func helperAsk(s *Store, args []string) error {
	if err := awaitTheOthers(); err != nil {
		return err
	}
	var verdict oauth.Verdict
	key := keyFor("asked")
	key.ClientID = args[0]
	err := s.ChangeAsks(context.Background(), key, func(a oauth.AskState) oauth.AskState {
		a, verdict = a.Decide(oauth.Question{Identity: key.ID(), Issuer: "https://issuer.example"}, time.Now())
		return a
	})
	if verdict.Refusal == oauth.Allowed {
		fmt.Println("allowed")
	} else {
		fmt.Println(verdict.Refusal)
	}
	return err
}

// What is too large to be read again is not written, and what was kept stays: a
// server that makes the record grow must not make it be forgotten.
func TestNothingUnreadableIsWritten(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, Options{Dir: filepath.Join(t.TempDir(), "store"), Kind: KindFile, Notice: func(string, string) {}})
	ask := func(issuer string) error {
		return s.ChangeAsks(t.Context(), keyFor("a"), func(a oauth.AskState) oauth.AskState {
			a, _ = a.Decide(oauth.Question{Identity: "a", Issuer: issuer}, time.Now())
			return a
		})
	}
	must(t, ask("i"))
	if err := ask(strings.Repeat("x", maxFile)); err == nil {
		t.Error("written")
	}
	if known := asksOf(t, s, keyFor("a")); len(known.Asks) != 1 || known.Asks[0].Issuer != "i" {
		t.Errorf("%d asks are known", len(known.Asks))
	}
	cred := oauth.Credential{Server: "https://s.example", AccessToken: grant.NewSecret("token")}
	must(t, s.Save(t.Context(), keyFor("a"), cred))
	cred.Account = strings.Repeat("x", maxFile)
	if err := s.Save(t.Context(), keyFor("a"), cred); err == nil {
		t.Error("a credential was written that cannot be read")
	}
	if kept, err := s.Load(t.Context(), keyFor("a")); err != nil || kept.AccessToken.Reveal() != "token" {
		t.Errorf("the credential before it is lost: %v", err)
	}
}

// A login that somebody has ended does not publish itself again; the next one
// does.
func TestEndedLoginStaysEnded(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "store")
	s, other := fileStore(t, dir), fileStore(t, dir)
	key := keyFor("a")
	for range 2 {
		unlock := lockLogin(t, s, key)
		for range 2 { // without an address, and with it
			must(t, s.SetPending(t.Context(), key, Pending{PID: 1}))
		}
		must(t, other.EndLogin(t.Context(), key))
		if err := s.SetPending(t.Context(), key, Pending{PID: 1}); !errors.Is(err, oauth.ErrEnded) {
			t.Errorf("published again: %v", err)
		}
		if _, ok, _ := other.Pending(t.Context(), key); ok || s.Permitted(key) {
			t.Error("the login goes on")
		}
		unlock()
	}
}
