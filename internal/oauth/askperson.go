package oauth

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
)

// notAskedError says why AskState has forbidden to ask anybody.
type notAskedError struct{ reason string }

func (e *notAskedError) Error() string { return e.reason + ": " + ErrLoginRequired.Error() }
func (e *notAskedError) Unwrap() error { return ErrLoginRequired }

var (
	errAskedAlready = &notAskedError{"nobody is asked again so soon"}
	errNobodyWaits  = &notAskedError{"the program that wanted it has ended"}
)

func (c *Client) question(issuer string, scopes []string, why renewal) Question {
	return Question{Identity: c.cfg.Key.ID(), Issuer: issuer, Scopes: scopes, Authentication: why.challenge.Authentication(), StepUp: why.stepUp, Person: c.cfg.Interactive}
}

// anyQuestion is that wish before discovery: at whichever issuer it turns out to
// be.
func (c *Client) anyQuestion(cred *Credential, why renewal) Question {
	return c.question("", discovery.Union(cred.RequestedScopes, why.challenge.Scopes()), why)
}

// mayAsk returns why q may not be asked now, nil when it may. a is the attempt
// that is kept with the credential.
func (c *Client) mayAsk(ctx context.Context, q Question, a Attempt) error {
	verdict, err := c.judge(ctx, q, a)
	if err != nil {
		return err
	}
	return c.notAsked(q, verdict, a)
}

func (c *Client) judge(ctx context.Context, q Question, a Attempt) (verdict Verdict, err error) {
	err = c.changeAsks(ctx, func(s AskState) AskState {
		s = s.Knowing(q.Identity, a, time.Now()).until(time.Now())
		verdict = s.judge(q, time.Now())
		return s
	})
	return verdict, err
}

// mayNeverAsk returns why nobody may be asked whichever issuer discovery leads to.
// An account that has signed in, or whose process has died, is asked at another
// issuer.
func (c *Client) mayNeverAsk(ctx context.Context, cred *Credential, why renewal) error {
	if err := c.refusedBefore(cred); err != nil {
		return err
	}
	q := c.anyQuestion(cred, why)
	verdict, err := c.judge(ctx, q, cred.Attempt)
	if err != nil || verdict.Refusal == RefusedRepeating && !verdict.Before.Ending.refused() {
		return err
	}
	return c.notAsked(q, verdict, cred.Attempt)
}

// refusedBefore returns how the last attempt of the account ended, if the provider
// has just refused the same registration: one attempt stands for all messages and
// processes that want to sign in.
func (c *Client) refusedBefore(cred *Credential) error {
	a := cred.Attempt
	since := time.Since(a.Ended)
	if c.cfg.Interactive || a.RefusedClient != c.chosenMetadata(cred.Registration).Hash() || since < 0 || since >= a.registrationPause() {
		return nil
	}
	return a.err()
}

// recordAsk keeps that a person is asked to sign in, before that happens, or
// returns why it must not. The attempt of the login, which is the earlier one, becomes
// this one.
func (l *login) recordAsk(ctx context.Context) error {
	if l.asking.Err() != nil {
		return l.personNeeded(errNobodyWaits)
	}
	q := l.question(l.next.Issuer, l.next.RequestedScopes, l.why)
	now := time.Now().UTC().Round(0)
	var verdict Verdict
	err := l.changeAsks(ctx, func(s AskState) AskState {
		s, verdict = s.Knowing(q.Identity, l.next.Attempt, now).Decide(q, now)
		return s
	})
	if err == nil {
		err = l.notAsked(q, verdict, l.next.Attempt)
	}
	if err == nil {
		l.asked = true
		l.next.Attempt = Attempt{Issuer: l.next.Issuer, Asked: now, Repeated: verdict.repeated}
	}
	return err
}

// recordEnding keeps how it ended that a person was asked, if one was.
func (l *login) recordEnding(ctx context.Context, how Ending) {
	if !l.asked {
		return
	}
	if err := l.changeAsks(ctx, func(s AskState) AskState { return s.Ended(l.cfg.Key.ID(), how) }); err != nil {
		l.log.Warn("cannot keep how the sign-in ended", "error", err)
	}
}

func (c *Client) changeAsks(ctx context.Context, f func(AskState) AskState) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	defer cancel()
	if err := c.cfg.Store.ChangeAsks(ctx, c.cfg.Key, f); err != nil {
		return fmt.Errorf("keep that somebody is asked to sign in: %w", err)
	}
	return nil
}

// PersonActed keeps that a person at a terminal has done something about the server:
// what was in vain so far counts no more.
func (c *Client) PersonActed(ctx context.Context) error {
	if c.cfg.Enterprise != nil {
		if err := c.cfg.Enterprise.Login.PersonActed(ctx); err != nil {
			return err
		}
	}
	return c.changeAsks(ctx, func(s AskState) AskState { return s.Acted(time.Now()) })
}

// loggedOut returns ErrEnded if nothing at all is known after a login that was
// waited for, and its process has not died: a person has run logout meanwhile, and
// does not want to be asked.
func (c *Client) loggedOut(ctx context.Context, cred *Credential) error {
	asked := true
	err := c.changeAsks(ctx, func(s AskState) AskState { asked = len(s.Asks) > 0; return s })
	if err != nil || asked || cred.Server != "" || c.cfg.Store.LoginDied(ctx, c.cfg.Key) {
		return err
	}
	return c.personNeeded(ErrEnded)
}

// endingOf is how a login ended that failed with err.
func endingOf(err error) Ending {
	var refused *grant.Error
	if errors.Is(err, grant.ErrDenied) && errors.As(err, &refused) && refused.Code == "access_denied" {
		return AskDenied
	}
	return AskFailed
}

// notAsked says why nobody is asked and what a person can do, nil when somebody
// may be.
func (c *Client) notAsked(q Question, v Verdict, a Attempt) error {
	e := &grant.Error{Op: "sign in to " + c.cfg.Server.Redacted()}
	wait := v.Wait.Round(time.Second).String()
	switch v.Refusal {
	case Allowed:
		return nil
	case RefusedTabs:
		e.Err = &notAskedError{fmt.Sprintf("%d sign-ins were opened for this server within %d minutes, and no other is", maxTabs, int(AskWindow.Minutes()))}
		e.Hint = "to sign in now, run: " + c.command("login")
		if q.StepUp { // that would find a login that works
			e.Hint = "try again in " + wait
		}
	case RefusedInVain:
		e.Err = &notAskedError{fmt.Sprintf("the last %d sign-ins to this server led to nothing, and no other is opened", maxInVain)}
		e.Hint = "to sign in, run: " + c.command("login")
	case RefusedRepeating:
		e.Err = errAskedAlready
		e.Hint = fmt.Sprintf("somebody was asked to sign in %d s ago; to be asked again now, run: %s", int(time.Since(v.Before.Asked).Seconds()), c.command("login"))
	}
	if a.Ended.After(a.Asked) { // what it came to explains more
		if v.Refusal == RefusedRepeating {
			e.Code, e.Err = a.Code, fmt.Errorf("at the last try: %w: %w", a.outcome(), errAskedAlready)
		}
		if a.Hint != "" && !strings.Contains(a.Hint, c.command("login")) {
			e.Hint = a.Hint + "; " + e.Hint
		}
	}
	return e
}
