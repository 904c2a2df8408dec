package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"mcp-login/internal/hint"
)

const (
	// signInTimeout is how long a person may take. mcp-login gives up a little earlier,
	// and then says so.
	signInTimeout = 6 * time.Minute
	// sceneTimeout bounds each other scene.
	sceneTimeout = time.Minute
	buildTimeout = 10 * time.Minute // on a slow machine, with modules to be downloaded
)

// demo is what the scenes share.
type demo struct {
	show  *show
	auto  bool
	enter <-chan struct{} // somebody has pressed Enter; nil where nobody can

	program program
	stage   *stage
	cleanup []func() error // the last one is done first
	starts  int
}

// play plays all scenes. close is called in the end, however it ends.
func (d *demo) play(ctx context.Context) error {
	d.show.opening()
	for _, scene := range []func(context.Context) error{d.build, d.raise, d.session, d.signOut} {
		if err := scene(ctx); err != nil {
			return err
		}
	}
	d.sum()
	d.show.closing()
	return nil
}

// later does something in the end.
func (d *demo) later(f func() error) { d.cleanup = append(d.cleanup, f) }

// close ends and removes all that the demo has made.
func (d *demo) close() (err error) {
	for len(d.cleanup) > 0 {
		last := len(d.cleanup) - 1
		err = errors.Join(err, d.cleanup[last]())
		d.cleanup = d.cleanup[:last]
	}
	return err
}

// build makes the folder and builds mcp-login there.
func (d *demo) build(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, buildTimeout)
	defer cancel()
	d.show.step("Build mcp-login from this clone (about a minute the first time)")
	began := time.Now()
	folder, err := os.MkdirTemp("", "mcp-login-demo-")
	if err != nil {
		return fmt.Errorf("make a temporary folder: %w", err)
	}
	d.later(func() error { return remove(folder) })
	if d.program, err = build(ctx, folder, d.show.terminal.Err()); err != nil {
		return err
	}
	d.program.env = environment(folder, d.auto)
	d.show.done(time.Since(began), "built")
	return nil
}

// raise starts the provider and the server.
func (d *demo) raise(ctx context.Context) (err error) {
	d.show.step("Start a sign-in provider and an MCP server that trusts it")
	if d.stage, err = open(ctx); err != nil {
		return err
	}
	d.later(d.stage.close)
	d.show.row("provider", d.stage.provider.Issuer())
	d.show.row("server", d.stage.endpoint)
	return nil
}

// session is all that happens while clients run.
func (d *demo) session(ctx context.Context) error {
	editor, err := d.firstStart(ctx)
	if err != nil {
		return err
	}
	claims, err := d.firstCall(ctx, editor)
	if err != nil {
		return err
	}
	if editor, err = d.secondStart(ctx, editor, claims); err != nil {
		return err
	}
	assistant, err := d.secondProgram(ctx, editor, claims)
	if err != nil {
		return err
	}
	if err := d.renewal(ctx, editor, assistant); err != nil {
		return err
	}
	if times := d.stage.signIns(); times != 1 {
		return fmt.Errorf("somebody has signed in %d times", times)
	}
	return nil
}

// firstStart starts a client when nobody is signed in.
func (d *demo) firstStart(ctx context.Context) (*client, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, signInTimeout, errors.New("nobody has signed in"))
	defer cancel()
	d.show.step("First start: an MCP client runs")
	d.show.text("mcp-login %s", d.stage.endpoint)
	d.show.blank()
	d.show.text("The server answers 401. mcp-login finds the provider, registers itself there and asks for a sign-in.")
	d.show.blank()
	began := time.Now()
	who := &person{show: d.show, auto: d.auto, enter: d.enter, provider: host(d.stage.provider.Issuer()), ctx: ctx}
	c, err := d.start(ctx, "demo-editor", who.hear)
	if err == nil {
		err = c.ready(ctx, func() {
			d.show.text("Take your time. Clients do not wait long for a first answer: until you have signed in, mcp-login shows this one a single tool, %s.", standInTool)
		})
	}
	d.show.blank()
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		d.show.quote(err.Error())
		return nil, hint.With(errors.New("nobody has signed in"), "start the demo again, and choose alice or bob on the page")
	}
	d.show.done(time.Since(began), "signed in")
	return c, nil
}

// start starts a client, which is closed in the end.
func (d *demo) start(ctx context.Context, name string, hear func(line string)) (*client, error) {
	c, err := d.program.start(ctx, name, d.stage.endpoint, hear)
	if err != nil {
		return nil, err
	}
	d.starts++
	d.later(c.Close)
	return c, nil
}

// started starts a client of somebody who has signed in, and calls the tool.
func (d *demo) started(ctx context.Context, name string, as map[string]any) (*client, error) {
	c, err := d.start(ctx, name, d.show.quote)
	if err == nil {
		err = c.ready(ctx, func() { d.show.text("Somebody is to sign in again.") })
	}
	if err == nil {
		err = sameClaims(ctx, c, as)
	}
	return c, err
}

// sameClaims calls the tool, which must name the person that as does.
func sameClaims(ctx context.Context, c *client, as map[string]any) error {
	claims, err := c.whoami(ctx)
	if err == nil && claims["sub"] != as["sub"] {
		err = errors.New("whoami names somebody else than before")
	}
	return err
}

// firstCall calls the tool and shows what it says.
func (d *demo) firstCall(ctx context.Context, c *client) (map[string]any, error) {
	ctx, cancel := context.WithTimeout(ctx, sceneTimeout)
	defer cancel()
	d.show.step("The client calls the tool whoami")
	began := time.Now()
	claims, err := c.whoami(ctx)
	if err != nil {
		return nil, err
	}
	took := time.Since(began)
	for _, name := range names {
		d.show.row(name, fmt.Sprint(claims[name]))
	}
	d.show.text("and, about the token: %s", others(claims))
	d.show.done(took, "the server knows who asks")
	return claims, nil
}

// secondStart starts the client again.
func (d *demo) secondStart(ctx context.Context, c *client, claims map[string]any) (*client, error) {
	ctx, cancel := context.WithTimeout(ctx, sceneTimeout)
	defer cancel()
	d.show.step("Second start: the client is closed and started again")
	if err := c.Close(); err != nil {
		return nil, fmt.Errorf("end mcp-login: %w", err)
	}
	began := time.Now()
	c, err := d.started(ctx, "demo-editor", claims)
	if err != nil {
		return nil, err
	}
	d.show.done(time.Since(began), "started, and whoami called: no browser, no question")
	return c, nil
}

// secondProgram starts another client beside the first.
func (d *demo) secondProgram(ctx context.Context, first *client, claims map[string]any) (*client, error) {
	ctx, cancel := context.WithTimeout(ctx, sceneTimeout)
	defer cancel()
	d.show.step("A second program starts while the first one runs")
	began := time.Now()
	second, err := d.started(ctx, "demo-assistant", claims)
	if err == nil {
		err = sameClaims(ctx, first, claims)
	}
	if err != nil {
		return nil, err
	}
	d.show.done(time.Since(began), "it shares the login: no browser, no question")
	return second, nil
}

// renewal waits for the end of the access token and lets both programs call at once.
func (d *demo) renewal(ctx context.Context, first, second *client) error {
	ctx, cancel := context.WithTimeout(ctx, sceneTimeout)
	defer cancel()
	d.show.step("The access token runs out; then both programs call at once")
	d.show.text("It lives for %.0f seconds here, usually for an hour.", tokenLife.Seconds())
	select {
	case <-time.After(tokenLife): // whenever it was renewed last
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	d.stage.lastLonger() // or a slow machine would need another one
	before, began := d.stage.renewals(), time.Now()
	calls, calling := errgroup.WithContext(ctx)
	for _, c := range []*client{first, second} {
		calls.Go(func() error {
			_, err := c.whoami(calling)
			return err
		})
	}
	if err := calls.Wait(); err != nil {
		return err
	}
	took := time.Since(began)
	if times := d.stage.renewals() - before; times != 1 {
		return fmt.Errorf("the token was renewed %d times for two programs", times)
	}
	d.show.done(took, "renewed once, for both")
	return nil
}

// signOut ends the login.
func (d *demo) signOut(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, sceneTimeout)
	defer cancel()
	d.show.step("Sign out: mcp-login logout %s", d.stage.endpoint)
	began := time.Now()
	said, err := d.program.run(ctx, "logout", d.stage.endpoint)
	for _, line := range said {
		d.show.quote(line)
	}
	if err != nil {
		return err
	}
	if d.stage.provider.Stats().Revocations == 0 {
		return errors.New("the login was not revoked at the provider")
	}
	d.show.done(time.Since(began), "revoked at the provider, forgotten here")
	return nil
}

// sum says what it took in all.
func (d *demo) sum() {
	stats := d.stage.provider.Stats()
	d.show.blank()
	d.show.text("In all: %d starts of mcp-login in 2 programs, %d registration, %d sign-in.", d.starts, stats.Registrations, d.stage.signIns())
}

// host is the host and port of an address.
func host(address string) string {
	_, rest, _ := strings.Cut(address, "://")
	rest, _, _ = strings.Cut(rest, "/")
	return rest
}
