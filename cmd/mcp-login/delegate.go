package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"mcp-login/internal/oauth"
	"mcp-login/internal/store"
)

// A bridge does not ask the person itself: its client may end it long before a
// password, a second factor and a consent page are through. It starts one
// detached process for the identity, which holds the redirect listener, opens
// the browser, stores the result and exits; the bridge waits for the store's
// login lock to become free. What the process is to achieve comes on its stdin;
// on stdout it says that it holds the lock.

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
	readyLine       = "ready"
)

// delegate returns what starts the process, with the same flags.
func (a *app) delegate(s *session) func(context.Context, oauth.Demand) error {
	return func(ctx context.Context, d oauth.Demand) error {
		demand, err := json.Marshal(handover{Demand: d, Program: s.program.String(), KeyIssuer: s.key.Issuer, Secrets: a.env.secrets(), Pipes: givenPipes.all()})
		if err != nil {
			return fmt.Errorf("%w: %w", oauth.ErrNotDelegated, err)
		}
		program, err := os.Executable()
		if err != nil {
			return fmt.Errorf("%w: %w", oauth.ErrNotDelegated, err)
		}
		// Not bound to ctx: it is to outlive this process.
		cmd := exec.Command(program, append([]string{"login", "--" + detachedFlag}, a.args...)...) //nolint:gosec,noctx // our own program, see above
		detached(cmd)
		cmd.Stdin = bytes.NewReader(demand)
		// Pipes, never our own stderr: a client that waits for the end of that
		// would wait for the login.
		cmd.Stderr = a.term.Err()
		said, say, err := os.Pipe()
		if err != nil {
			return fmt.Errorf("%w: %w", oauth.ErrNotDelegated, err)
		}
		defer said.Close()
		cmd.Stdout = say
		err = start(cmd)
		_ = say.Close()
		if err != nil {
			return fmt.Errorf("%w: %w", oauth.ErrNotDelegated, err)
		}
		s.log.Debug("the login runs in a process of its own", "pid", cmd.Process.Pid)
		s.started.Store(true)
		go func() { _ = cmd.Wait() }()
		return ready(ctx, said)
	}
}

// ready waits until the process has the lock.
func ready(ctx context.Context, said *os.File) error {
	_ = said.SetReadDeadline(time.Now().Add(handoverTimeout))
	stop := context.AfterFunc(ctx, func() { _ = said.SetReadDeadline(time.Now()) })
	defer stop()
	line, err := bufio.NewReader(io.LimitReader(said, 1024)).ReadString('\n')
	switch {
	case line == readyLine+"\n":
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil && !errors.Is(err, io.EOF):
		return fmt.Errorf("%w: %w", oauth.ErrNotDelegated, err)
	}
	return fmt.Errorf("%w: it ended before it began", oauth.ErrNotDelegated)
}

// handover is what that process is told.
type handover struct {
	oauth.Demand
	// Program is the name of the client program, "" when it is not known.
	Program string `json:"program,omitzero"`
	// KeyIssuer is Key.Issuer of the account.
	KeyIssuer string `json:"key_issuer,omitzero"`
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
	b, err := io.ReadAll(io.LimitReader(stdin, maxDemand))
	var d handover
	if err != nil || json.Unmarshal(b, &d) != nil {
		return nil, nil // detachedLogin says so
	}
	return &d, d.Secrets
}

// detachedLogin is that process.
func (a *app) detachedLogin(ctx context.Context, o options, raw string) error {
	d := a.order
	if d == nil {
		return usageError{hint{errors.New("no demand on stdin"), "leave out --" + detachedFlag}}
	}
	if !o.timeoutSet || o.timeout <= 0 {
		o.timeout = detachedTimeout
	}
	o.timeout = min(o.timeout, maxDetachedTimeout)
	// Whatever hangs, this process ends.
	ctx, cancel := context.WithTimeout(ctx, o.timeout+time.Minute)
	defer cancel()
	time.AfterFunc(o.timeout+2*time.Minute, func() { os.Exit(exitFailure) })
	s, err := a.session(o, raw, askForClient)
	if err != nil {
		return err
	}
	defer s.close()
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
		_, _ = io.WriteString(a.term.Protocol(), readyLine+"\n")
	})
	return errors.Join(unwritable, err)
}
