package oauth

import (
	"errors"
	"strings"
	"time"

	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
)

// Attempt is the latest sign-in by a person, finished or not. It is kept with the
// credential, so that other processes that waited learn how it ended, and programs of
// earlier versions that somebody was asked. Whether somebody may be asked again is
// decided by AskState.
type Attempt struct {
	// Issuer is the authorization server the person was sent to.
	Issuer string `json:"issuer,omitzero"`
	// Asked is when the address was shown; zero when it did not come to that.
	Asked time.Time `json:"asked_at,omitzero"`
	// Succeeded tells that it led to a login, and Ended is when it failed. It
	// has neither while it is under way, and when its process died.
	Succeeded bool      `json:"succeeded,omitzero"`
	Ended     time.Time `json:"ended_at,omitzero"`
	// Void and Repeated are those of Ask, for programs of earlier versions.
	Void     bool `json:"void,omitzero"`
	Repeated bool `json:"repeated,omitzero"`
	// Kind is the sentinel of the failure by name, and Op, Code, Text and Hint
	// are the parts of its Error. None of them holds a secret.
	Kind string `json:"kind,omitzero"`
	Op   string `json:"op,omitzero"`
	Code string `json:"code,omitzero"`
	Text string `json:"text,omitzero"`
	Hint string `json:"hint,omitzero"`
	// RefusedClient recognizes the client that the provider refused to register, or
	// to sign anybody in with; "" when the attempt failed for another reason.
	RefusedClient string `json:"refused_client,omitzero"`
}

// kinds are the sentinels that outlive a process. An error may match several:
// the first of them counts, and what a person did comes before what the program
// met with.
var kinds = []struct {
	name     string
	sentinel error
}{
	{"ended", ErrEnded},
	{"denied", grant.ErrDenied},
	{"timeout", grant.ErrLoginTimeout},
	{"unavailable", discovery.ErrUnavailable},
	{"required", ErrLoginRequired},
}

func kindOf(err error) string {
	for _, k := range kinds {
		if errors.Is(err, k.sentinel) {
			return k.name
		}
	}
	return ""
}

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
	a.Ended, a.Kind, a.Op, a.Code, a.Text, a.Hint, a.RefusedClient = now, kindOf(err), "sign in", "", err.Error(), hint.Of(err), ""
	var own *grant.Error
	var advised *hint.Error
	switch {
	case errors.As(err, &own) && own.Op != "":
		a.Op, a.Code, a.Text = own.Op, own.Code, ""
		if own.Err != nil {
			a.Text = own.Err.Error()
		}
	case errors.As(err, &advised) && advised.Op != "":
		a.Op, a.Text = advised.Op, foreign.Message(advised.Err.Error())
	}
	return a
}

func (a Attempt) voided() Attempt {
	a.Void = !a.Repeated
	return a
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
	return &grant.Error{Op: a.Op, Code: a.Code, Hint: a.Hint, Err: outcome{a.Text, sentinelOf(a.Kind)}}
}

// outcome is err for an error that says itself that this is about a sign-in, and has
// the code.
func (a Attempt) outcome() error {
	text := a.Text
	if !strings.HasPrefix(a.Op, "sign in") {
		text = a.Op + ": " + text
	}
	return outcome{text, sentinelOf(a.Kind)}
}

// registrationPause is how long after a provider has refused a client before anybody
// was asked that it is not asked the same again; a person may. It is short where something
// else than what is compared may have changed.
func (a Attempt) registrationPause() time.Duration {
	if errors.Is(sentinelOf(a.Kind), discovery.ErrUnavailable) || a.Code == "invalid_redirect_uri" || a.Code == "invalid_client" {
		return 30 * time.Second
	}
	return AskWindow
}
