package account

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/go-json-experiment/json"

	"mcp-login/internal/hint"
	"mcp-login/internal/oauth"
	"mcp-login/internal/store"
	"mcp-login/internal/terminal"
)

// A bridge does not ask the person itself: its client may end it long before a
// password, a second factor and a consent page are through. It starts one
// detached process for the account, which holds the redirect listener, opens
// the browser, stores the result and exits; the bridge waits for the store's
// login lock to become free. What the process is to achieve comes on its stdin,
// which nobody else can read; on stdout it says that it holds the lock.

// DetachedFlag marks that process. It is not for people.
const DetachedFlag = "detached-login"

const (
	// detachedTimeout is how long a login for a client may take, unless
	// --timeout says so.
	detachedTimeout    = 10 * time.Minute
	maxDetachedTimeout = 24 * time.Hour
	// handoverTimeout bounds the start of the process.
	handoverTimeout = 10 * time.Second
	maxHandover     = 4 << 20
	// readyLine and endedLine are what the process says, once: that it has the lock, or
	// ends without.
	readyLine = "ready"
	endedLine = "ended"
)

// Detach says how to start the process of a detached login.
type Detach struct {
	// Args are those of this program, which that one gets as well.
	Args []string
	// Secrets returns the variables that are in no environment, and Pipes what came
	// out of pipes that flags name.
	Secrets func() map[string]string
	Pipes   func() map[string][]byte
}

// detaches reports whether a login runs in a process of its own. What is kept in memory
// only is of no use to another process, and all processes of a container end with its
// first one.
func (a *Account) detaches() bool {
	return a.Detach != nil && a.Purpose == ForRelay && !a.Store.InMemory() && os.Getpid() != 1
}

// startDetached starts the process, with the same flags. It gives up with the context, and
// then no login begins.
func (a *Account) startDetached(ctx context.Context, d oauth.LoginRequest) error {
	if a.Store.Unwritable() {
		return fmt.Errorf("%w: %w", oauth.ErrNotDetached, oauth.ErrUnwritable)
	}
	order, err := json.Marshal(Handover{LoginRequest: d, Program: a.client.String(), KeyIssuer: a.Key.Issuer, Settings: &a.Settings, Secrets: a.Detach.Secrets(), Pipes: a.Detach.Pipes()})
	if err != nil {
		return fmt.Errorf("%w: %w", oauth.ErrNotDetached, err)
	}
	p, err := startLogin(a.Detach.Args, a.Terminal.Err())
	if err != nil {
		return fmt.Errorf("%w: %w", oauth.ErrNotDetached, err)
	}
	defer p.stdout.Close()
	a.started.Store(true)
	err = p.handOver(ctx, order)
	if errors.Is(err, errLoginKilled) {
		// Whoever has ended it may be about to end this process as well.
		err = cmp.Or(oauth.AwaitShutdown(ctx), err)
	}
	return err
}

// errLoginKilled is a login that ended before it began, and not by itself.
var errLoginKilled = fmt.Errorf("%w: its process was ended", oauth.ErrNotDetached)

// handOver tells the process what to do, once its parent has ended, and waits until it
// has the lock.
func (p loginProcess) handOver(ctx context.Context, order []byte) error {
	ctx, cancel := context.WithTimeoutCause(ctx, handoverTimeout, oauth.ErrNotDetached)
	defer cancel()
	select {
	case err := <-p.ended:
		if err != nil {
			_ = p.stdin.Close()
			return errLoginKilled
		}
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		_ = p.stdin.Close() // without instructions it asks nobody
		return context.Cause(ctx)
	}
	go func() {
		_, _ = p.stdin.Write(order)
		_ = p.stdin.Close()
	}()
	stop := context.AfterFunc(ctx, func() { _ = p.stdout.SetReadDeadline(time.Now()) })
	defer stop()
	switch line, err := bufio.NewReader(io.LimitReader(p.stdout, 1024)).ReadString('\n'); {
	case line == readyLine+"\n":
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return errLoginKilled
	}
	return fmt.Errorf("%w: it ended before it began", oauth.ErrNotDetached)
}

// Handover is what that process is told.
type Handover struct {
	oauth.LoginRequest
	// Program is the name of the client program, "" when it is not known.
	Program string `json:"program,omitzero"`
	// Settings are what was said for the account, or kept with it; nil from a program
	// of an earlier version, where the arguments say it. KeyIssuer is Key.Issuer of
	// the account: an account that was made without --issuer has none, even where
	// the settings name one by now.
	Settings  *Settings `json:"settings,omitzero"`
	KeyIssuer string    `json:"key_issuer,omitzero"`
	// Secrets are the variables that are in no environment: other processes of
	// the user can read that of a process, but not what it reads.
	Secrets map[string]string `json:"secrets,omitempty"`
	// Pipes is what came out of pipes that flags name.
	Pipes map[string][]byte `json:"pipes,omitempty"`
}

// ErrNoHandover is a detached login that was not told what to do.
var ErrNoHandover = errors.New("no login request on stdin")

// ReadHandover reads what a detached login is told, before flags look at variables; nil
// if args are not of one, or what it is told makes no sense.
func ReadHandover(args []string, stdin io.Reader) *Handover {
	if !slices.Contains(args, "--"+DetachedFlag) {
		return nil
	}
	overdue := time.AfterFunc(2*handoverTimeout, func() { os.Exit(1) }) // the other process was stopped
	defer overdue.Stop()
	b, err := io.ReadAll(io.LimitReader(stdin, maxHandover))
	var h Handover
	if err != nil || json.Unmarshal(b, &h) != nil {
		return nil // RunDetached says so
	}
	return &h
}

// Choice is the account of the process that waits for this login. said are the settings
// of the command line.
func (h *Handover) Choice(server *url.URL, said Settings) Choice {
	c := Choice{Server: server, Settings: said}
	if h.Settings != nil {
		c.Settings = *h.Settings
	}
	if c.Settings.Grant == oauth.GrantEnterprise { // the login at the company's provider, for that server
		if company, err := url.Parse(c.Settings.Named); err == nil {
			c.Server = company
		}
		server = c.Server
	}
	c.Key = c.Settings.Key(server)
	c.Key.Issuer = h.KeyIssuer
	return c
}

// DetachedTimeout is how long a detached login may take. said is what the person has
// said, 0 for nothing.
func DetachedTimeout(said time.Duration) time.Duration {
	if said <= 0 {
		return detachedTimeout
	}
	return min(said, maxDetachedTimeout)
}

// RunDetached is the process of a detached login. h is what it was told, nil for nothing,
// timeout is that of the login, and the process that waits for it reads stdout. open
// opens the account, whose purpose is ForRelay.
func RunDetached(ctx context.Context, h *Handover, timeout time.Duration, stdout io.Writer, open func(context.Context) (*Account, error)) error {
	line := endedLine
	say := sync.OnceFunc(func() { _, _ = io.WriteString(stdout, line+"\n") })
	defer say()
	if h == nil {
		return hint.With(ErrNoHandover, "leave out --"+DetachedFlag)
	}
	// This process ends, whatever hangs.
	var running atomic.Pointer[Account]
	ctx, cancel := context.WithTimeout(ctx, timeout+time.Minute)
	defer cancel()
	go after(timeout+2*time.Minute, oauth.BootTime, func() { abandonLogin(running.Load()) })
	a, err := open(ctx)
	if err != nil {
		return err
	}
	defer a.Close()
	running.Store(a)
	a.client.set(h.Program)
	var unwritable error
	err = a.OAuth.RunDetached(ctx, h.LoginRequest, func() {
		now := time.Now()
		unwritable = a.Store.SetPending(ctx, a.Key, store.Pending{Started: now, Deadline: now.Add(timeout), PID: os.Getpid()})
		if unwritable != nil {
			cancel() // the bridge gets no ready line and signs in itself
			return
		}
		a.published.Store(true)
		a.Log.Debug("the login runs in a process of its own", "pid", os.Getpid())
		line = readyLine
		say()
	})
	return errors.Join(unwritable, err)
}

// after calls f when d has passed, by the clock of timers or by now, whichever is first:
// timers stand still while the machine sleeps, and where now is the time of day somebody
// may set it back.
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

// abandonLogin ends the process of a login that hangs. a is nil if no account was opened
// yet. The record in the store may be that of another login, which has begun while this
// process was stopped.
func abandonLogin(a *Account) {
	time.AfterFunc(handoverTimeout, func() { os.Exit(1) }) // in case the disk is what hangs
	if a != nil && a.published.Load() && a.Store.Permitted(a.Key) {
		_ = a.Store.EndLogin(context.Background(), a.Key)
	}
	os.Exit(1)
}

// startWord as the first argument is the first half of the start of a detached
// login. It is not for people.
const startWord = "start-detached"

// RunStarter is the process that a detached login begins with, if args are of
// that one, else ok is false. It starts this program once more and ends, so that the
// login has no parent among the processes of the host: hosts that end all that they have
// started go from parent to child, on Windows as well (taskkill /T). It reads nothing of stdin, where
// the new process is told what to do when this one has ended.
func RunStarter(args []string, stdin *os.File) (ok bool, err error) {
	if len(args) == 0 || args[0] != startWord {
		return false, nil
	}
	program, err := os.Executable()
	if err != nil {
		return true, err
	}
	cmd := exec.Command(program, args[1:]...) //nolint:gosec,noctx // our own program, and it is to outlive this one
	cmd.Stdin = stdin
	cmd.Stdout, cmd.Stderr = terminal.Files()
	return true, start(cmd, detachments())
}

// start starts cmd in the first of ways that the system lets it. A command that could not
// be started cannot be started again: each way gets a new one of the same words and files.
func start(cmd *exec.Cmd, ways []*syscall.SysProcAttr) (err error) {
	for _, way := range ways {
		*cmd = exec.Cmd{Path: cmd.Path, Args: cmd.Args, Err: cmd.Err, Stdin: cmd.Stdin, Stdout: cmd.Stdout, Stderr: cmd.Stderr, SysProcAttr: way}
		if err = cmd.Start(); err == nil {
			return nil
		}
	}
	return err
}

// loginProcess is a detached login on its way.
type loginProcess struct {
	ended         <-chan error // how the first half of its start ended
	stdin, stdout *os.File
}

// startLogin begins the start of the detached login. What that process writes to its
// stderr is copied to stderr as long as both run. It goes through a pipe: a host that
// waits for the end of our stderr would otherwise wait for the login.
func startLogin(args []string, stderr io.Writer) (p loginProcess, err error) {
	program, err := os.Executable()
	if err != nil {
		return p, err
	}
	// Not bound to a context: it is to outlive this process.
	cmd := exec.Command(program, append([]string{startWord, "login", "--" + DetachedFlag}, args...)...) //nolint:gosec,noctx // our own program, see above
	var ours, theirs [3]*os.File
	for i := range ours {
		read, write, err := os.Pipe()
		if err != nil {
			closeAll(ours[:i], theirs[:i])
			return p, err
		}
		ours[i], theirs[i] = read, write
	}
	ours[0], theirs[0] = theirs[0], ours[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs[0], theirs[1], theirs[2]
	err = start(cmd, detachments())
	closeAll(theirs[:])
	if err != nil {
		closeAll(ours[:])
		return p, err
	}
	go func() {
		_, _ = io.Copy(stderr, ours[2])
		_ = ours[2].Close()
	}()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	return loginProcess{ended, ours[0], ours[1]}, nil
}

func closeAll(lists ...[]*os.File) {
	for _, files := range lists {
		for _, f := range files {
			_ = f.Close()
		}
	}
}
