package oauth

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/retry"
)

// LoginRequest is what a login in another process is to achieve. It holds no secret.
type LoginRequest struct {
	// Failed is the hash of the token that was of no use.
	Failed string `json:"failed,omitzero"`
	// Challenge are the parameters of the server's challenge, and DPoP and DPoPOnly those of
	// discovery.Challenge.
	Challenge map[string]string `json:"challenge,omitzero"`
	DPoP      bool              `json:"dpop,omitzero"`
	DPoPOnly  bool              `json:"dpop_only,omitzero"`
	// Fresh and StepUp say that a refreshed token was refused as well, and
	// that more scopes are needed.
	Fresh  bool `json:"fresh,omitzero"`
	StepUp bool `json:"step_up,omitzero"`
}

// RunDetached signs in as another process has requested. ready is called when LockLogin
// is held; that process waits for it.
func (c *Client) RunDetached(ctx context.Context, d LoginRequest, ready func()) error {
	why := renewal{failed: tokenHash(d.Failed), challenge: discovery.Challenge{Scheme: "bearer", Params: d.Challenge, DPoP: d.DPoP, DPoPOnly: d.DPoPOnly}, signIn: d.Fresh, stepUp: d.StepUp, awaited: true}
	began := time.Now()
	unlock, err := c.cfg.Store.LockLogin(ctx, c.cfg.Key, nil)
	if err != nil {
		return fmt.Errorf("wait for another login: %w", err)
	}
	defer unlock()
	ready()
	cred, err := c.finished(ctx, why, began)
	if errors.Is(err, errPersonNeeded) {
		_, err = c.newLogin(why, cred).run(ctx)
	}
	return c.notRenewed(why, err)
}

// startDetached makes another process ask the person, if Config.StartDetached is set. An
// error says that nobody may be asked.
func (c *Client) startDetached(ctx context.Context, cred *Credential, why renewal) (detached bool, err error) {
	if c.cfg.Store.LoginUnderWay(ctx, c.cfg.Key) {
		c.log.Debug("a login is under way")
		return c.cfg.StartDetached != nil, nil
	}
	if err := c.mayNeverAsk(ctx, cred, why); err != nil || c.cfg.StartDetached == nil {
		return false, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.asking, cancel)()
	err = c.cfg.StartDetached(ctx, why.loginRequest())
	if errors.Is(err, ErrNotDetached) {
		c.log.Debug("the login runs in this process", "reason", err)
		return false, nil
	}
	return err == nil, err
}

// loginRequest is handed over as JSON, which needs UTF-8: other bytes of a challenge are
// replaced, and a scope with them is not usable anyway.
func (why renewal) loginRequest() LoginRequest {
	params := map[string]string{}
	for name, value := range why.challenge.Params {
		if utf8.ValidString(name) {
			params[name] = strings.ToValidUTF8(value, "\x00")
		}
	}
	return LoginRequest{Failed: string(why.failed), Challenge: params, DPoP: why.challenge.DPoP, DPoPOnly: why.challenge.DPoPOnly, Fresh: why.signIn, StepUp: why.stepUp}
}

// StopAsking makes sure that no login begins from now on, neither here nor in another
// process: who wanted one has ended. One that is under way goes on until Close.
func (c *Client) StopAsking() {
	c.stopAsking()
	if c.cfg.Enterprise != nil {
		c.cfg.Enterprise.Login.StopAsking()
	}
}

// shutdownTime is how long hosts take to end all their processes, one after the other.
const shutdownTime = 2 * time.Second

// AwaitShutdown waits a moment for the end of ctx, and returns its error: who has ended the
// process of a login may be about to end this one, and it must not begin another
// before. nil means that the moment has passed.
func AwaitShutdown(ctx context.Context) error {
	_ = retry.Sleep(ctx, shutdownTime)
	return ctx.Err()
}
