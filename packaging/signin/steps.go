package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// driver is one run of all steps.
type driver struct {
	command []string
	env     []string // of the command
	how     string
	server  string // a program; "" is whoami
	args    []string
	left    []string
	limit   time.Duration
	stage   *stage
}

// run goes through all steps and ends at the first that is not as it should be.
func (d *driver) run(ctx context.Context) error {
	for _, step := range []struct {
		name string
		do   func(context.Context) (seen string, err error)
	}{
		{"sign in", d.signIn},
		{"second start", d.secondStart},
		{"uninstall", d.uninstall},
		{"what is left", d.nothingLeft},
	} {
		began := time.Now()
		limited, cancel := context.WithTimeout(ctx, d.limit)
		seen, err := step.do(limited)
		cancel()
		if err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		fmt.Printf("%s: %s (%d ms)\n", step.name, seen, time.Since(began).Milliseconds())
	}
	return nil
}

// signIn lets the command sign in for the first time.
func (d *driver) signIn(ctx context.Context) (seen string, err error) {
	verb := []string{"login", d.stage.endpoint, "--browser-command", "none"}
	switch d.how {
	case byDevice:
		verb = append(verb, "--device")
	case byBridge:
		verb = append(verb[1:], "--login-patience", "0") // it answers when somebody has signed in
	}
	who := &person{how: d.how, ctx: ctx, done: make(chan error, 1)}
	heard := make(chan string, 64)
	p, err := d.start(ctx, func(line string) { heard <- line }, append(verb, d.args...)...)
	if err != nil {
		return "", err
	}
	who.stdin = p.stdin
	go func() {
		for line := range heard {
			who.hear(line)
		}
	}()
	err = d.finish(ctx, p, who)
	close(heard)
	if err == nil && d.stage.signIns() != 1 {
		err = fmt.Errorf("the provider saw %d sign-ins, not one", d.stage.signIns())
	}
	return "alice has signed in, by " + d.how, err
}

// finish waits until the person and the command are done.
func (d *driver) finish(ctx context.Context, p *process, who *person) (err error) {
	var said []string
	if d.how == byBridge {
		_, err = d.session(ctx, p)
	} else if said, err = p.wait(); err == nil && !strings.HasPrefix(strings.Join(said, ""), "signed in to "+d.stage.endpoint) {
		err = fmt.Errorf("login says %q", said)
	}
	select {
	case failed := <-who.done:
		return errors.Join(failed, err)
	default:
		return errors.Join(p.failed(errors.New("it ended before anybody had signed in")), err)
	}
}

// session is one start of the bridge by a client, from initialize to the end by a closed
// stdin.
func (d *driver) session(ctx context.Context, p *process) (claims map[string]any, err error) {
	claims, err = whoami(ctx, p)
	if err == nil {
		err = d.checkClaims(claims)
	}
	if err != nil {
		_ = p.cmd.Process.Kill()
		_, _ = p.end()
		return nil, p.failed(err)
	}
	rest, err := p.end()
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("stdout has more than the answers: %q", rest)
	}
	return claims, err
}

// secondStart starts the bridge of a client: nobody is asked.
func (d *driver) secondStart(ctx context.Context) (seen string, err error) {
	before := d.stage.provider.Stats()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	asked := func(line string) {
		if strings.HasPrefix(line, "http") {
			cancel(errAsked)
		}
	}
	p, err := d.start(ctx, asked, append([]string{d.stage.endpoint, "--browser-command", "none"}, d.args...)...)
	if err != nil {
		return "", err
	}
	claims, err := d.session(ctx, p)
	if err != nil {
		return "", err
	}
	after := d.stage.provider.Stats()
	if after.Authorizations != before.Authorizations || after.DeviceAuthorizations != before.DeviceAuthorizations {
		return "", p.failed(errAsked)
	}
	return fmt.Sprintf("whoami says %v <%v>, nobody was asked, stdin closed, exit code 0", claims["username"], claims["email"]), nil
}

var errAsked = errors.New("somebody was asked to sign in again")

// checkClaims compares what whoami says with who has signed in.
func (d *driver) checkClaims(claims map[string]any) error {
	for name, want := range map[string]string{"username": "alice", "aud": d.stage.endpoint, "iss": d.stage.provider.Issuer()} {
		if fmt.Sprint(claims[name]) != want {
			return fmt.Errorf("whoami says %s=%v, not %s", name, claims[name], want)
		}
	}
	return nil
}

// uninstall removes all that the program has kept; the provider is told.
func (d *driver) uninstall(ctx context.Context) (seen string, err error) {
	p, err := d.start(ctx, func(string) {}, "uninstall", "--write", "--yes")
	if err != nil {
		return "", err
	}
	said, err := p.end()
	if err == nil && d.stage.provider.Stats().Revocations == 0 {
		err = p.failed(errors.New("the provider was asked to revoke nothing" + quoted(said)))
	}
	return "the login is revoked at the provider, and what was kept is removed", err
}

// nothingLeft looks for files in the folders of -left.
func (d *driver) nothingLeft(context.Context) (seen string, err error) {
	var found []string
	for _, folder := range d.left {
		err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() {
				found = append(found, path)
			}
			return err
		})
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", err
		}
	}
	if len(found) > 0 {
		return "", fmt.Errorf("these files are still there:%s", quoted(found))
	}
	return fmt.Sprintf("no file in %d folders", len(d.left)), nil
}
