package oauth

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

var askStart = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// askStep is a question, after a pause, and what comes of it.
type askStep struct {
	pause time.Duration
	q     Question
	// ending is how the ask ends, if it comes to one; void what happens then.
	ending Ending
	void   bool
	// acted is a person who acts instead of a question.
	acted bool
	want  Refusal
}

// The table of transitions: for each state what is answered, and for how long.
func TestAskTable(t *testing.T) {
	login := Question{Identity: "a", Issuer: "i", Scopes: []string{"r"}}
	at := func(issuer string) Question { q := login; q.Issuer = issuer; return q }
	by := func(identity string) Question { q := login; q.Identity = identity; return q }
	more := func(scopes ...string) Question {
		q := login
		q.StepUp, q.Scopes = true, append([]string{"r"}, scopes...)
		return q
	}
	stronger := func(values string) Question {
		q := more()
		q.Authentication.ACRValues = values
		return q
	}
	person := login
	person.Person = true
	endOnly := Question{} // no question, but an ending of the latest one
	const s, m = time.Second, time.Minute
	for name, steps := range map[string][]askStep{
		"nobody was asked": {{0, login, AskSignedIn, false, false, Allowed}},
		"signed in, and again": {
			{0, login, AskSignedIn, false, false, Allowed},
			{s, login, "", false, false, RefusedRepeating},
			{3*m - 2*s, login, "", false, false, RefusedRepeating},
			{s, login, AskSignedIn, false, false, Allowed},
		},
		"another kind of sign-in, and again": {
			{0, login, AskSignedIn, false, false, Allowed},
			{s, stronger("phr"), AskSignedIn, false, false, Allowed},
			{s, stronger("phr"), "", false, false, RefusedRepeating},
			{s, more(), "", false, false, RefusedRepeating},
			{s, stronger("phrh"), AskSignedIn, false, false, Allowed},
			{s, stronger("other"), "", false, false, RefusedTabs},
		},
		"another kind of sign-in that was denied": {
			{0, stronger("phr"), AskDenied, false, false, Allowed},
			{4 * m, stronger("phr"), "", false, false, RefusedRepeating},
			{0, stronger("phrh"), AskSignedIn, false, false, Allowed},
		},
		"denied, and again": {{0, login, AskDenied, false, false, Allowed}, {s, login, "", false, false, RefusedRepeating}, {3 * m, login, "", false, false, Allowed}},
		"failed, and again": {{0, login, AskFailed, false, false, Allowed}, {s, login, "", false, false, RefusedRepeating}, {3 * m, login, "", false, false, Allowed}},
		"its process died: once more": {
			{0, login, AskOpen, false, false, Allowed},
			{s, login, AskOpen, false, false, Allowed},
			{s, login, "", false, false, RefusedRepeating},
			{3*m - s, login, "", false, false, Allowed}, // three minutes after the second
			{s, login, "", false, false, RefusedInVain},
		},
		"the provider ended it: once more": {
			{0, login, AskSignedIn, true, false, Allowed},
			{s, login, AskSignedIn, true, false, Allowed},
			{s, login, "", false, false, RefusedRepeating},
		},
		"the provider forgot the client: once more": {
			{0, login, AskForgotten, false, false, Allowed},
			{s, login, AskForgotten, false, false, Allowed},
			{s, login, "", false, false, RefusedRepeating},
		},
		"the provider refused offline_access: once more": {
			{0, login, AskScopeRefused, false, false, Allowed},
			{s, login, AskScopeRefused, false, false, Allowed},
			{s, login, "", false, false, RefusedRepeating},
		},
		"the provider forgot the client, and nothing came of it": {
			{0, login, AskForgotten, false, false, Allowed},
			{0, endOnly, AskFailed, false, false, Allowed},
			{s, login, "", false, false, RefusedRepeating},
			{4 * m, login, AskForgotten, false, false, Allowed},
			{0, endOnly, AskFailed, false, false, Allowed},
			{4 * m, login, AskForgotten, false, false, Allowed},
			{0, endOnly, AskFailed, false, false, Allowed},
			{4 * m, login, "", false, false, RefusedInVain},
		},
		"another issuer each time": {
			{0, at("1"), AskSignedIn, false, false, Allowed},
			{s, at("2"), AskSignedIn, false, false, Allowed},
			{s, at("1"), "", false, false, RefusedRepeating},
			{s, at("3"), AskSignedIn, false, false, Allowed},
			{s, at("4"), "", false, false, RefusedTabs},
			{3*m - 5*s, at("4"), "", false, false, RefusedTabs},
			{s, at("4"), AskSignedIn, false, false, Allowed},
			{s, at("5"), AskSignedIn, false, false, Allowed},
			{0, at("6"), "", false, false, RefusedTabs},
		},
		"another account each time": {
			{0, by("1"), AskSignedIn, false, false, Allowed},
			{0, by("2"), AskSignedIn, false, false, Allowed},
			{0, by("3"), AskSignedIn, false, false, Allowed},
			{0, by("4"), "", false, false, RefusedTabs},
		},
		"more scopes": {
			{0, login, AskSignedIn, false, false, Allowed},
			{s, more("w"), AskSignedIn, false, false, Allowed},
			{s, more("w"), "", false, false, RefusedRepeating},
			{s, more("x"), AskSignedIn, false, false, Allowed},
			{s, more("y"), "", false, false, RefusedTabs},
		},
		"more scopes after a login that was denied": {{0, login, AskDenied, false, false, Allowed}, {s, more("w"), "", false, false, RefusedRepeating}},
		"more scopes, denied: never again, but others": {
			{0, more("w"), AskDenied, false, false, Allowed},
			{time.Hour, more("w"), "", false, false, RefusedRepeating},
			{s, more("x"), AskSignedIn, false, false, Allowed},
			{24 * time.Hour, more("w"), "", false, false, RefusedRepeating},
			{s, Question{}, "", false, true, Allowed},
			{s, more("w"), AskSignedIn, false, false, Allowed},
		},
		"nobody answers, days apart": {
			{0, login, AskFailed, false, false, Allowed},
			{24 * time.Hour, login, AskOpen, false, false, Allowed},
			{24 * time.Hour, at("2"), AskFailed, false, false, Allowed},
			{24 * time.Hour, at("3"), "", false, false, RefusedInVain},
			{365 * 24 * time.Hour, more("z"), "", false, false, RefusedInVain},
			{s, person, AskFailed, false, false, Allowed},
			{3 * m, login, AskSignedIn, false, false, Allowed},
		},
		"nobody answers, and a person acts without being asked": {
			{0, at("1"), AskFailed, false, false, Allowed},
			{0, at("2"), AskFailed, false, false, Allowed},
			{0, at("3"), AskFailed, false, false, Allowed},
			{4 * m, at("4"), "", false, false, RefusedInVain},
			{s, Question{}, "", false, true, Allowed},
			{s, at("4"), AskFailed, false, false, Allowed},
		},
		"a sign-in ends the row, and nothing else that a provider says": {
			{0, at("1"), AskFailed, false, false, Allowed},
			{4 * m, at("2"), AskDenied, false, false, Allowed},
			{4 * m, at("3"), AskSignedIn, false, false, Allowed},
			{4 * m, at("4"), AskDenied, false, false, Allowed},
			{4 * m, at("5"), AskFailed, false, false, Allowed},
			{4 * m, at("6"), AskForgotten, false, false, Allowed},
			{time.Hour, at("7"), "", false, false, RefusedInVain},
			{s, Question{}, "", false, true, Allowed},
			{s, at("7"), AskDenied, false, false, Allowed},
		},
		"a person is asked at any time, and does not count as a tab": {
			{0, at("1"), AskSignedIn, false, false, Allowed},
			{0, at("2"), AskSignedIn, false, false, Allowed},
			{0, person, AskDenied, false, false, Allowed},
			{0, person, AskSignedIn, false, false, Allowed},
			{0, login, "", false, false, RefusedRepeating},
			{0, at("3"), AskSignedIn, false, false, Allowed},
			{0, at("4"), "", false, false, RefusedTabs},
			{0, person, AskSignedIn, false, false, Allowed},
			{0, at("4"), "", false, false, RefusedTabs},
		},
	} {
		t.Run(name, func(t *testing.T) {
			now, state := askStart, AskState{}
			for i, step := range steps {
				now = now.Add(step.pause)
				switch {
				case step.acted:
					state = state.Acted(now)
					continue
				case step.q.Identity == "":
					state = state.Ended(login.Identity, step.ending)
					continue
				}
				before := state
				next, v := state.Decide(step.q, now)
				if v.Refusal != step.want {
					t.Fatalf("step %d: %q, want %q; %+v", i, v.Refusal, step.want, state)
				}
				if v.Refusal != Allowed {
					if _, again := state.Decide(step.q, now.Add(v.Wait)); v.Wait > 0 && again.Refusal == v.Refusal {
						t.Errorf("step %d: still refused after %v", i, v.Wait)
					}
					if len(next.Asks) != len(before.Asks) {
						t.Errorf("step %d: a refusal was noted as an ask", i)
					}
					continue
				}
				state = next.Ended(step.q.Identity, step.ending)
				if step.void {
					state = state.Voided(step.q.Identity)
				}
			}
		})
	}
}

// With an issuer that is not known yet any counts.
func TestAskBeforeTheIssuerIsKnown(t *testing.T) {
	q := Question{Identity: "a", Issuer: "i"}
	state, _ := AskState{}.Decide(q, askStart)
	state = state.Ended("a", AskSignedIn)
	q.Issuer = ""
	if _, v := state.Decide(q, askStart.Add(time.Second)); v.Refusal != RefusedRepeating || v.Before.Issuer != "i" {
		t.Errorf("%+v", v)
	}
}

// What an earlier version has asked for counts as a tab, once.
func TestAskOfAnEarlierVersionCounts(t *testing.T) {
	now := askStart.Add(time.Minute)
	for name, c := range map[string]struct {
		attempt Attempt
		want    Refusal
	}{
		"none":          {Attempt{}, Allowed},
		"just now":      {Attempt{Issuer: "i", Asked: askStart, Succeeded: true}, RefusedRepeating},
		"timed out":     {Attempt{Issuer: "i", Asked: askStart, Ended: now, Kind: "timeout"}, RefusedRepeating},
		"died":          {Attempt{Issuer: "i", Asked: askStart}, Allowed},
		"died again":    {Attempt{Issuer: "i", Asked: askStart, Repeated: true}, RefusedRepeating},
		"void":          {Attempt{Issuer: "i", Asked: askStart, Succeeded: true, Void: true}, Allowed},
		"long ago":      {Attempt{Issuer: "i", Asked: askStart.Add(-time.Hour)}, Allowed},
		"in the future": {Attempt{Issuer: "i", Asked: askStart.Add(time.Hour)}, Allowed},
	} {
		t.Run(name, func(t *testing.T) {
			state := AskState{}.Knowing("a", c.attempt, now).Knowing("a", c.attempt, now)
			if len(state.Asks) > 1 {
				t.Errorf("counted %d times", len(state.Asks))
			}
			if _, v := state.Decide(Question{Identity: "a", Issuer: "i"}, now); v.Refusal != c.want {
				t.Errorf("%q, want %q", v.Refusal, c.want)
			}
		})
	}
}

// A clock that is set back neither opens the budget nor locks for longer than it
// would have; one that is set forward opens it once.
func TestAskWithAClockThatJumps(t *testing.T) {
	full := func(now time.Time) AskState {
		var s AskState
		for i := range maxTabs {
			q := Question{Identity: "a", Issuer: fmt.Sprint(i)}
			s, _ = s.Decide(q, now)
			s = s.Ended("a", AskSignedIn)
		}
		return s
	}
	q := Question{Identity: "a", Issuer: "new"}
	for _, back := range []time.Duration{time.Second, time.Hour, 365 * 24 * time.Hour} {
		now := askStart.Add(-back)
		state, v := full(askStart).Decide(q, now)
		if v.Refusal != RefusedTabs || v.Wait > AskWindow {
			t.Errorf("set back by %v: %+v", back, v)
		}
		if _, v := state.Decide(q, now.Add(AskWindow)); v.Refusal != Allowed {
			t.Errorf("set back by %v and three minutes later: %+v", back, v)
		}
	}
	// Set forward, it is as if the time had passed: once.
	state, opened := full(askStart), 0
	for i := range 100 {
		q.Issuer = fmt.Sprint("issuer", i)
		var v Verdict
		state, v = state.Decide(q, askStart.Add(time.Hour))
		if v.Refusal == Allowed {
			state, opened = state.Ended("a", AskSignedIn), opened+1
		}
	}
	if _, v := state.Decide(q, askStart); opened != maxTabs || v.Refusal != RefusedTabs {
		t.Errorf("set forward by an hour: %d tabs; and back: %+v", opened, v)
	}
}

// play asks at random times at random issuers for random scopes, with any
// endings in any order, and checks after each step what must hold.
func play(t *testing.T, choose func(n int) int) {
	type tab struct {
		at       time.Time
		identity string
		person   bool
		signedIn bool
	}
	var tabs []*tab
	var state AskState
	open := map[string]*tab{}
	now := askStart
	pauses := []time.Duration{0, time.Millisecond, time.Second, 59 * time.Second, time.Minute, 3*time.Minute - 1, 3 * time.Minute, time.Hour, 24 * time.Hour}
	endings := []Ending{AskOpen, AskSignedIn, AskDenied, AskFailed, AskForgotten, AskScopeRefused}
	for range 400 {
		now = now.Add(pauses[choose(len(pauses))])
		identity := fmt.Sprint("identity", choose(5))
		switch choose(8) {
		case 0:
			if choose(20) == 0 {
				state = state.Acted(now)
				tabs = append(tabs, &tab{at: now, person: true})
			}
			continue
		case 1:
			state = state.Voided(identity)
			continue
		case 2, 3:
			if a := open[identity]; a != nil {
				how := endings[choose(len(endings))]
				state = state.Ended(identity, how)
				a.signedIn = how == AskSignedIn
				delete(open, identity)
			}
			continue
		}
		q := Question{Identity: identity, Issuer: fmt.Sprint(choose(100)), Scopes: []string{fmt.Sprint(choose(100))}, StepUp: choose(2) == 0, Person: choose(40) == 0}
		next, v := state.Decide(q, now)
		state = next
		if v.Refusal != Allowed {
			if q.Person {
				t.Fatal("a person was refused")
			}
			continue
		}
		one := &tab{at: now, identity: identity, person: q.Person}
		tabs, open[identity] = append(tabs, one), one
		within, inVain := 0, 0
		for _, earlier := range tabs {
			if !earlier.person && now.Sub(earlier.at) < 3*time.Minute {
				within++
			}
		}
		for _, earlier := range slices.Backward(tabs) {
			if earlier.person || earlier.signedIn {
				break
			}
			inVain++
		}
		if within > 3 || inVain > 3 {
			t.Fatalf("%d tabs in three minutes, %d in a row that led to nothing: %+v", within, inVain, state)
		}
		if len(state.Asks) > 2*maxAsks {
			t.Fatalf("%d are kept", len(state.Asks))
		}
	}
}

// Whatever is asked, and however it ends: never more than three tabs in any
// three minutes that no person wanted, and never a fourth after three that led to
// no login.
func TestAskBudgetHolds(t *testing.T) {
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 4))
		play(t, r.IntN)
	}
}

func FuzzAskBudget(f *testing.F) {
	f.Add([]byte("anything"))
	f.Fuzz(func(t *testing.T, b []byte) {
		i := 0
		play(t, func(n int) int {
			if len(b) == 0 {
				return 0
			}
			i++
			return (int(b[i%len(b)]) + i/len(b)) % n
		})
	})
}

// More scopes than fit into what is remembered of one ask: what a person has denied
// is not asked again, in whichever order the server names them.
func TestStepUpForManyScopesAsksFew(t *testing.T) {
	for _, n := range []int{1, 64, 65, 500} {
		q := Question{Identity: "a", Issuer: "i", StepUp: true}
		for i := range n {
			q.Scopes = append(q.Scopes, fmt.Sprint("scope", i))
		}
		state, v := AskState{}.Decide(q, askStart)
		state = state.Ended("a", AskDenied)
		if v.Refusal != Allowed {
			t.Fatal(v)
		}
		slices.Reverse(q.Scopes)
		for _, later := range []time.Duration{time.Second, time.Hour} {
			if _, v := state.Decide(q, askStart.Add(later)); v.Refusal != RefusedRepeating {
				t.Errorf("%d scopes, %v later: %q", n, later, v.Refusal)
			}
		}
	}
}
