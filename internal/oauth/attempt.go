package oauth

import (
	"errors"
	"fmt"
	"time"
)

// DefaultBrake is how long after a person was asked nobody is asked again for
// the same identity unless a person wants it: whatever starts and restarts the
// program, there is one browser tab.
const DefaultBrake = 3 * time.Minute

// Attempt is the latest time that a person was to sign in, kept with the
// credential so that every process knows of it.
type Attempt struct {
	// Issuer is the authorization server the person was sent to.
	Issuer string
	// Asked is when the address was shown; zero when it did not come to that.
	Asked time.Time
	// Succeeded tells that it led to a login, and Ended is when it failed. It
	// has neither while it is under way, and when its process died.
	Succeeded bool
	Ended     time.Time
	// Void tells that the provider has ended the login that this attempt led
	// to, so that asking again is no repetition. Repeated tells that this
	// attempt is the one that followed, or the one after a process that died: a
	// second time within the brake it is.
	Void, Repeated bool
	// Kind is the sentinel of the failure by name, and Op, Code, Text and Hint
	// are the parts of its Error. None of them holds a secret.
	Kind, Op, Code, Text, Hint string
}

// kinds are the sentinels that outlive a process. An error may match several:
// the first of them counts, and what a person did comes before what the program
// met with.
var kinds = []struct {
	name     string
	sentinel error
}{
	{"ended", ErrEnded},
	{"denied", ErrDenied},
	{"timeout", ErrLoginTimeout},
	{"unavailable", ErrUnavailable},
	{"required", ErrLoginRequired},
}

// kindOf returns the name of the first sentinel that err matches, "" for none.
func kindOf(err error) string {
	for _, k := range kinds {
		if errors.Is(err, k.sentinel) {
			return k.name
		}
	}
	return ""
}

// sentinelOf returns the sentinel of a name, nil for none.
func sentinelOf(name string) error {
	for _, k := range kinds {
		if k.name == name {
			return k.sentinel
		}
	}
	return nil
}

// failed records err as the end of the attempt.
func (a Attempt) failed(err error, now time.Time) Attempt {
	a.Ended, a.Kind, a.Op, a.Code, a.Text, a.Hint = now, kindOf(err), "sign in", "", err.Error(), ""
	var e *Error
	if errors.As(err, &e) {
		a.Op, a.Code, a.Hint, a.Text = e.Op, e.Code, e.Hint, ""
		if e.Err != nil {
			a.Text = e.Err.Error()
		}
	}
	return a
}

// died reports whether the process that asked is gone without a word; the caller
// holds LockLogin, so that nobody asks any more.
func (a Attempt) died() bool { return !a.Succeeded && a.Ended.IsZero() }

// voided records that the provider has ended the login.
func (a Attempt) voided() Attempt {
	a.Void = !a.Repeated
	return a
}

// next is the attempt that follows at an issuer.
func (a Attempt) next(issuer string, now time.Time, brake time.Duration) Attempt {
	return Attempt{Issuer: issuer, Asked: now, Repeated: (a.Void || a.died()) && now.Sub(a.Asked) < brake}
}

// outcome is how an attempt of another process ended.
type outcome struct {
	text string
	kind error
}

func (o outcome) Error() string { return o.text }
func (o outcome) Unwrap() error { return o.kind }

// err rebuilds the failure for those who waited for another process's login.
func (a Attempt) err() error {
	return &Error{Op: a.Op, Code: a.Code, Hint: a.Hint, Err: outcome{a.Text, sentinelOf(a.Kind)}}
}

// errBraked marks what the brake prevented.
var errBraked = fmt.Errorf("nobody is asked again so soon: %w", ErrLoginRequired)

// braked returns why nobody may be asked now, nil when somebody may. A login
// for more scopes is another question than the one that was answered; so is a
// login at another issuer.
func (c *Client) braked(a Attempt, issuer string, w want) error {
	since := c.now().Sub(a.Asked)
	switch {
	case c.cfg.Insist || a.Asked.IsZero() || since < 0 || since >= c.cfg.Brake:
		return nil
	case issuer != "" && a.Issuer != issuer, a.Void, a.died() && !a.Repeated:
		return nil
	case w.stepUp && a.Ended.IsZero():
		return nil
	}
	cause := errBraked
	if a.Ended.After(a.Asked) {
		cause = fmt.Errorf("%w: %w", a.err(), errBraked)
	}
	return &Error{
		Op: "sign in to " + c.cfg.Server.Redacted(), Code: a.Code, Err: cause,
		Hint: fmt.Sprintf("somebody was asked to sign in %d s ago; to be asked again now, run: mcp-login login %s", int(since.Seconds()), c.cfg.Server.Redacted()),
	}
}
