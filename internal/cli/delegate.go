package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"

	"mcp-login/internal/account"
	"mcp-login/internal/hint"
	"mcp-login/internal/oauth"
	"mcp-login/internal/store"
)

// A bridge does not ask the person itself: its client may end it long before a
// password, a second factor and a consent page are through. It starts one
// detached process for the identity, which holds the redirect listener, opens
// the browser, stores the result and exits; the bridge waits for the store's
// login lock to become free. What the process is to achieve comes on its stdin,
// which nobody else can read; on stdout it says that it holds the lock.

// detachedFlag marks that process. It is not for people.
const detachedFlag = "detached-login"

const (
	// detachedTimeout is how long a login for a client may take, unless
	// --timeout says so.
	detachedTimeout    = 10 * time.Minute
	maxDetachedTimeout = 24 * time.Hour
	// handoverTimeout bounds the start of the process.
	handoverTimeout = 10 * time.Second
	maxDemand       = 4 << 20
	// readyLine and endedLine are what the process says, once: that it has the lock, or
	// ends without.
	readyLine = "ready"
	endedLine = "ended"
)

// delegate returns what starts the process, with the same flags. It gives up with
// the context, and then no login begins.
func (a *app) delegate(s *session) func(context.Context, oauth.Demand) error {
	return func(ctx context.Context, d oauth.Demand) error {
		demand, err := json.Marshal(handover{Demand: d, Program: s.program.String(), KeyIssuer: s.key.Issuer, Settings: &s.said, Secrets: a.env.secrets(), Pipes: givenPipes.all()})
		if err != nil {
			return fmt.Errorf("%w: %w", oauth.ErrNotDelegated, err)
		}
		l, err := launchLogin(a.args, a.term.Err())
		if err != nil {
			return fmt.Errorf("%w: %w", oauth.ErrNotDelegated, err)
		}
		defer l.said.Close()
		s.started.Store(true)
		err = l.handOver(ctx, demand)
		if errors.Is(err, errLoginKilled) {
			// Whoever has ended it may be about to end this process as well.
			err = cmp.Or(oauth.AwaitEnd(ctx), err)
		}
		return err
	}
}

// errLoginKilled is a login that ended before it began, and not by itself.
var errLoginKilled = fmt.Errorf("%w: its process was ended", oauth.ErrNotDelegated)

// handOver tells the process what to do, once its parent is no process of the host's,
// and waits until it has the lock.
func (l launch) handOver(ctx context.Context, demand []byte) error {
	ctx, cancel := context.WithTimeoutCause(ctx, handoverTimeout, oauth.ErrNotDelegated)
	defer cancel()
	select {
	case err := <-l.ended:
		if err != nil {
			_ = l.tell.Close()
			return errLoginKilled
		}
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		_ = l.tell.Close() // told nothing, it asks nobody
		return context.Cause(ctx)
	}
	go func() {
		_, _ = l.tell.Write(demand)
		_ = l.tell.Close()
	}()
	stop := context.AfterFunc(ctx, func() { _ = l.said.SetReadDeadline(time.Now()) })
	defer stop()
	switch line, err := bufio.NewReader(io.LimitReader(l.said, 1024)).ReadString('\n'); {
	case line == readyLine+"\n":
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return errLoginKilled
	}
	return fmt.Errorf("%w: it ended before it began", oauth.ErrNotDelegated)
}

// handover is what that process is told.
type handover struct {
	oauth.Demand
	// Program is the name of the client program, "" when it is not known.
	Program string `json:"program,omitzero"`
	// Settings are what was said for the account, or kept with it; nil from a program
	// of an earlier version, where the arguments say it. KeyIssuer is Key.Issuer of
	// the account, which is not the issuer that was said where it was kept without.
	Settings  *account.Settings `json:"settings,omitzero"`
	KeyIssuer string            `json:"key_issuer,omitzero"`
	// Secrets are the variables that are in no environment: other processes of
	// the user can read that of a process, but not what it reads.
	Secrets map[string]string `json:"secrets,omitempty"`
	// Pipes is what came out of pipes that flags name.
	Pipes map[string][]byte `json:"pipes,omitempty"`
}

// handedOver reads what the process that delegate starts is told, before flags
// look at variables; nil in any other.
func handedOver(args []string, stdin io.Reader) (*handover, map[string]string) {
	if !slices.Contains(args, "--"+detachedFlag) {
		return nil, nil
	}
	overdue := time.AfterFunc(2*handoverTimeout, func() { os.Exit(exitFailure) }) // it was stopped
	defer overdue.Stop()
	b, err := io.ReadAll(io.LimitReader(stdin, maxDemand))
	var d handover
	if err != nil || json.Unmarshal(b, &d) != nil {
		return nil, nil // detachedLogin says so
	}
	return &d, d.Secrets
}

// detachedLogin is that process.
func (a *app) detachedLogin(ctx context.Context, o options, raw string) error {
	said := endedLine
	say := sync.OnceFunc(func() { _, _ = io.WriteString(a.term.Protocol(), said+"\n") })
	defer say()
	d := a.order
	if d == nil {
		return usageError{hint.With(errors.New("no demand on stdin"), "leave out --"+detachedFlag)}
	}
	if !o.timeoutSet || o.timeout <= 0 {
		o.timeout = detachedTimeout
	}
	o.timeout = min(o.timeout, maxDetachedTimeout)
	// Whatever hangs, this process ends.
	var running atomic.Pointer[session]
	ctx, cancel := context.WithTimeout(ctx, o.timeout+time.Minute)
	defer cancel()
	go after(o.timeout+2*time.Minute, oauth.Wall, func() { abandonLogin(running.Load()) })
	s, err := a.session(ctx, o, raw, askForClient)
	if err != nil {
		return err
	}
	defer s.close()
	running.Store(s)
	s.program.set(d.Program)
	var unwritable error
	err = s.client.Fulfil(ctx, d.Demand, func() {
		now := time.Now()
		unwritable = s.store.SetPending(ctx, s.key, store.Pending{Started: now, Deadline: now.Add(o.timeout), PID: os.Getpid()})
		if unwritable != nil {
			cancel() // the bridge does without us
			return
		}
		s.published.Store(true)
		s.log.Debug("the login runs in a process of its own", "pid", os.Getpid())
		said = readyLine
		say()
	})
	return errors.Join(unwritable, err)
}

// after calls f when d has passed, by the clock that timers go by or by now: the first
// stands still while the machine sleeps, and where the other one is the time of day
// somebody may set it back.
func after(d time.Duration, now func() time.Time, f func()) {
	end, deadline := time.After(d), now().Add(d)
	look := time.NewTicker(time.Second)
	defer look.Stop()
	for {
		select {
		case <-end:
			f()
			return
		case <-look.C:
			if now().After(deadline) {
				f()
				return
			}
		}
	}
}

// abandonLogin ends the process of a login that hangs. s is nil where it has not
// come to a session. The record may be that of another login, which has begun since
// this process was stopped.
func abandonLogin(s *session) {
	time.AfterFunc(handoverTimeout, func() { os.Exit(exitFailure) }) // in case the disk is what hangs
	if s != nil && s.published.Load() && s.store.Permitted(s.key) {
		_ = s.store.EndLogin(context.Background(), s.key)
	}
	os.Exit(exitFailure)
}
