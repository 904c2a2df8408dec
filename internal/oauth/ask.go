package oauth

import (
	"slices"
	"time"

	"mcp-login/internal/oauth/discovery"
)

// Whether a person may be asked to sign in is decided here, for each server and
// profile, from the earlier times that somebody was asked. Nothing in this file reads
// a clock or a disk; ask_test.go tests each line of this table:
//
//	the question                                     the answer
//	of a person at a terminal                        yes
//	while maxTabs were opened within AskWindow       not before the oldest is that old
//	after maxInVain in a row that led to no login    not before a person acts
//	other scopes, another issuer, or another kind    yes
//	  of sign-in (RFC 9470) than before
//	the same within AskWindow, whatever came of it   not before that has passed
//	the same, when its process has died, or the      once
//	  provider has ended the login since, or will
//	  have it without offline_access
//	for more scopes that a person did not grant      not before a person acts
//
// A code for another device counts like a browser tab. A sign-in that failed counts
// whatever error the provider returned: a provider can send the browser back with any
// error, as often as it likes, and no person need have been there.

// AskWindow is the time after a person was asked in which the same is not asked
// again, and in which at most maxTabs open for one server and profile, however often
// the program is started and whatever the server answers.
const AskWindow = 3 * time.Minute

const (
	// maxTabs is how many tabs may open within AskWindow.
	maxTabs = 3
	// maxInVain is how many in a row may lead to no login.
	maxInVain = 3
	// maxAsks is how many are kept of those that count as tabs, and of those that a
	// person wanted. It is above maxTabs and maxInVain, so that all that count are kept.
	maxAsks = 8
)

// Ending is how it ended that a person was asked.
type Ending string

// The endings. AskOpen is that of one under way, and of one whose process died.
const (
	AskOpen      Ending = ""
	AskSignedIn  Ending = "signed_in"
	AskDenied    Ending = "denied"         // the answer was access_denied
	AskFailed    Ending = "failed"         // another error, no answer in time, or somebody ended it
	AskForgotten Ending = "client_unknown" // the provider has forgotten the client
	// AskScopeRefused is that it has refused offline_access.
	AskScopeRefused Ending = "scope_refused"
)

func (e Ending) refused() bool { return e == AskDenied || e == AskFailed }

// Question is a wish to ask a person to sign in.
type Question struct {
	// Identity is the Key.ID of the account.
	Identity string `json:"identity"`
	// Issuer is the authorization server, "" for whichever it is.
	Issuer string `json:"issuer,omitzero"`
	// Scopes and Authentication are what will be requested. They matter only with
	// StepUp: the account has a token, and more is wanted.
	Scopes         []string                 `json:"scopes,omitempty"`
	Authentication discovery.Authentication `json:"authentication,omitzero"`
	StepUp         bool                     `json:"step_up,omitzero"`
	// Person tells that a person at a terminal wants to be asked.
	Person bool `json:"person,omitzero"`
}

// Ask is one time that a person was asked.
type Ask struct {
	Question
	Asked  time.Time `json:"asked_at"`
	Ending Ending    `json:"ending,omitzero"`
	// Void tells that the provider has ended the login that this led to, and
	// Repeated that this followed one that was void or whose process had died.
	Void     bool `json:"void,omitzero"`
	Repeated bool `json:"repeated,omitzero"`
}

// AskState is what is known of one server and profile: who was asked, oldest
// first. The zero value is that nobody was.
type AskState struct {
	Asks []Ask `json:"asks,omitempty"`
}

// Refusal is why nobody may be asked.
type Refusal string

// The refusals.
const (
	Allowed          Refusal = ""
	RefusedTabs      Refusal = "tabs"       // maxTabs within AskWindow
	RefusedInVain    Refusal = "in_vain"    // maxInVain in a row
	RefusedRepeating Refusal = "repetition" // of what was asked a moment ago, or denied
)

// Verdict is the answer to a Question.
type Verdict struct {
	Refusal Refusal
	// Wait is how long a refusal holds, 0 until a person acts.
	Wait time.Duration
	// Before is the ask that is repeated, for RefusedRepeating.
	Before Ask
	// repeated tells a repetition that is allowed.
	repeated bool
}

// Decide answers whether q may be asked at the time now, and returns what is
// known then: with q, if it may. The state is to be kept even with a refusal: an
// ask in the future, of a clock that was set back since, counts from now on.
func (s AskState) Decide(q Question, now time.Time) (AskState, Verdict) {
	s = s.until(now)
	v := s.judge(q, now)
	if v.Refusal != Allowed {
		return s, v
	}
	s.Asks = append(s.Asks, Ask{Question: q, Asked: now, Repeated: v.repeated})
	return s.trimmed(), v
}

// judge is the table above.
func (s AskState) judge(q Question, now time.Time) Verdict {
	before, within := s.same(q, now)
	again := within && !before.Repeated && (before.Void || before.Ending == AskOpen || before.Ending == AskForgotten || before.Ending == AskScopeRefused)
	tabs := s.tabs(now)
	switch {
	case q.Person:
	case len(tabs) >= maxTabs:
		return Verdict{Refusal: RefusedTabs, Wait: AskWindow - now.Sub(tabs[len(tabs)-maxTabs].Asked)}
	case s.inVain() >= maxInVain:
		return Verdict{Refusal: RefusedInVain}
	case within && !again:
		return Verdict{Refusal: RefusedRepeating, Wait: AskWindow - now.Sub(before.Asked), Before: before}
	case q.StepUp:
		if denied, found := s.denied(q); found {
			return Verdict{Refusal: RefusedRepeating, Before: denied}
		}
	}
	return Verdict{repeated: again}
}

// same returns the latest ask within AskWindow that q would repeat, of the same account
// and issuer. A login repeats any of them. A step-up repeats one that asked for the same
// scopes, and the latest one if the person did not finish it.
func (s AskState) same(q Question, now time.Time) (before Ask, found bool) {
	latest := true
	for _, a := range slices.Backward(s.Asks) {
		if q.sameAccount(a) && now.Sub(a.Asked) < AskWindow {
			if !q.StepUp || latest && a.Ending.refused() || a.covers(q) {
				return a, true
			}
			latest = false
		}
		if q.StepUp && a.Person {
			break
		}
	}
	return Ask{}, false
}

// denied returns the step-up for the scopes of q that a person has denied and
// has not wanted since.
func (s AskState) denied(q Question) (before Ask, found bool) {
	for _, a := range slices.Backward(s.Asks) {
		switch {
		case a.Person:
			return Ask{}, false
		case a.StepUp && a.Ending == AskDenied && q.sameAccount(a) && a.covers(q):
			return a, true
		}
	}
	return Ask{}, false
}

// covers reports whether a asked for all that q asks for.
func (a Ask) covers(q Question) bool {
	none := discovery.Authentication{}
	return discovery.HasScopes(a.Scopes, q.Scopes) && (q.Authentication == none || q.Authentication == a.Authentication)
}

func (q Question) sameAccount(a Ask) bool {
	return a.Identity == q.Identity && (q.Issuer == "" || discovery.SameIssuer(a.Issuer, q.Issuer))
}

// tabs returns the tabs that were opened within AskWindow and not because a
// person wanted it.
func (s AskState) tabs(now time.Time) (list []Ask) {
	for _, a := range s.Asks {
		if !a.Person && now.Sub(a.Asked) < AskWindow {
			list = append(list, a)
		}
	}
	return list
}

// inVain returns how many tabs in a row, up to the last one, have led to no login
// so far.
func (s AskState) inVain() (n int) {
	for _, a := range slices.Backward(s.Asks) {
		if a.Person || a.Ending == AskSignedIn {
			break
		}
		n++
	}
	return n
}

// Ended returns the state after the latest ask of identity has come to an end.
func (s AskState) Ended(identity string, how Ending) AskState {
	return s.change(identity, func(a *Ask) { a.Ending = how })
}

// Voided returns the state after the provider has ended the login that the
// latest ask of identity led to.
func (s AskState) Voided(identity string) AskState {
	return s.change(identity, func(a *Ask) { a.Void = !a.Repeated })
}

// change changes the latest ask of identity.
func (s AskState) change(identity string, f func(*Ask)) AskState {
	s.Asks = slices.Clone(s.Asks)
	for i := range slices.Backward(s.Asks) {
		if s.Asks[i].Identity == identity {
			f(&s.Asks[i])
			break
		}
	}
	return s
}

// Acted returns the state after a person has run a command about the server at a
// terminal: sign-ins in vain, and denied ones, no longer count. The tabs opened within
// AskWindow still do.
func (s AskState) Acted(now time.Time) AskState {
	if len(s.Asks) == 0 || s.Asks[len(s.Asks)-1].Person {
		return s
	}
	s.Asks = append(slices.Clone(s.Asks), Ask{Question: Question{Person: true}, Asked: now, Ending: AskSignedIn})
	return s.trimmed()
}

// Knowing returns the state with an attempt that a program of an earlier version
// has made for identity: those keep it with the credential alone.
func (s AskState) Knowing(identity string, a Attempt, now time.Time) AskState {
	since := now.Sub(a.Asked)
	if a.Asked.IsZero() || since < 0 || since >= AskWindow || slices.ContainsFunc(s.Asks, func(known Ask) bool { return known.Identity == identity && !known.Asked.Before(a.Asked) }) {
		return s
	}
	earlier := Ask{Question: Question{Identity: identity, Issuer: a.Issuer}, Asked: a.Asked, Void: a.Void, Repeated: a.Repeated}
	switch {
	case a.Succeeded:
		earlier.Ending = AskSignedIn
	case !a.Ended.IsZero():
		earlier.Ending = AskFailed
	}
	s.Asks = append(slices.Clone(s.Asks), earlier)
	return s.trimmed()
}

// until moves asks that lie in the future to now.
func (s AskState) until(now time.Time) AskState {
	s.Asks = slices.Clone(s.Asks)
	for i := range s.Asks {
		if s.Asks[i].Asked.After(now) {
			s.Asks[i].Asked = now
		}
	}
	return s
}

// trimmed drops the oldest beyond maxAsks, of those that a person wanted and of
// the others.
func (s AskState) trimmed() AskState {
	kept := map[bool]int{}
	var asks []Ask
	for _, a := range slices.Backward(s.Asks) {
		if kept[a.Person]++; kept[a.Person] <= maxAsks {
			asks = append(asks, a)
		}
	}
	slices.Reverse(asks)
	return AskState{asks}
}
