package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"mcp-login/internal/oauth"
	"mcp-login/internal/retry"
)

// Bounds of how often a command is run.
const (
	// shortest is how long a value is used whatever it says of its end: a program
	// may keep a token to its last second, and clocks differ.
	shortest = 10 * time.Second
	// afterFailure is how long the failure of a run is the answer to all requests.
	afterFailure = 3 * time.Second
	// afterRefusal is how long nothing is printed anew for a value that was refused
	// as well as the one before it.
	afterRefusal = 30 * time.Second
	// maxRefusals is how many runs in a row refusals may lead to, and perRefusal
	// after which time one more.
	maxRefusals = 10
	perRefusal  = 20 * time.Second
)

// Printed is what a command has printed.
type Printed struct {
	// Text is the whole of it, as a header has it.
	Text oauth.Secret
	// Expiry is when the JSON web token in it ends; zero where there is none, or none
	// that says so.
	Expiry time.Time

	issued, at time.Time
	because    bool // of a refusal it was printed
	taken      bool // the server has taken it since
}

// Token returns the token in it, without a scheme such as Bearer.
func (p *Printed) Token() oauth.Secret { return lastWord(p.Text) }

// fresh reports whether it can be used at the time now, with the margin of
// [oauth.Credential.Fresh].
func (p *Printed) fresh(now time.Time) bool {
	if p == nil || p.Expiry.IsZero() {
		return p != nil
	}
	cred := oauth.Credential{AccessToken: p.Text, ObtainedAt: p.issued, Expiry: p.Expiry}
	return cred.Fresh(now) || now.Sub(p.at) < shortest
}

// Value is what one command prints, kept while it is good. It is safe for concurrent
// use.
type Value struct {
	command Command
	run     func(ctx context.Context) (oauth.Secret, error)
	check   func(text oauth.Secret) error
	ctx     context.Context // of the Set
	work    *sync.WaitGroup

	mu       sync.Mutex
	held     *Printed
	failed   error
	failedAt time.Time
	running  *retry.Call[*Printed] // everybody who needs a run waits for it; nil if none is under way
	refusals *rate.Limiter
}

// String names the flag and the program.
func (v *Value) String() string { return v.command.String() }

// Get returns what the command prints, running it if need be. A run goes on when the
// one who began it gives up, because others wait for it as well.
func (v *Value) Get(ctx context.Context) (*Printed, error) { return v.get(ctx, nil) }

// Renew returns what the command prints instead of what was refused with 401. It
// returns refused itself where nothing is printed anew so soon.
func (v *Value) Renew(ctx context.Context, refused *Printed) (*Printed, error) {
	return v.get(ctx, refused)
}

func (v *Value) get(ctx context.Context, refused *Printed) (*Printed, error) {
	call, p, err := v.begin(refused)
	if call == nil {
		return p, err
	}
	if err := call.Wait(ctx); err != nil {
		return nil, fmt.Errorf("wait for %s: %w", v, err)
	}
	return call.Result()
}

// begin joins the run under way or begins one; call is nil when the answer is known.
func (v *Value) begin(refused *Printed) (call *retry.Call[*Printed], p *Printed, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := time.Now()
	switch {
	case v.running != nil:
		return v.running, nil, nil
	case v.held != refused && v.held.fresh(now):
		return nil, v.held, nil
	case v.failed != nil && now.Sub(v.failedAt) < afterFailure:
		return nil, nil, v.failed
	case refused != nil && (refused.because && !refused.taken && now.Sub(refused.at) < afterRefusal || !v.refusals.AllowN(now, 1)):
		return nil, refused, nil
	case v.ctx.Err() != nil:
		return nil, nil, fmt.Errorf("run %s: %w", v, context.Cause(v.ctx))
	}
	call = retry.NewCall[*Printed]()
	v.running = call
	v.work.Go(func() { v.runOnce(call, refused != nil) })
	return call, nil, nil
}

func (v *Value) runOnce(call *retry.Call[*Printed], because bool) {
	text, err := v.run(v.ctx)
	if err == nil {
		err = v.check(text)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.running = nil; err != nil {
		v.failed, v.failedAt = v.failure(err), time.Now()
		call.End(nil, v.failed)
		return
	}
	p := &Printed{Text: text, at: time.Now(), because: because}
	p.Expiry, p.issued = oauth.TokenTimes(p.Token())
	v.held, v.failed = p, nil
	call.End(p, nil)
}

// take keeps that the server has taken p.
func (v *Value) take(p *Printed) {
	v.mu.Lock()
	p.taken = true
	v.mu.Unlock()
}

// lastWord is the token in a value such as "Bearer TOKEN".
func lastWord(text oauth.Secret) oauth.Secret {
	words := strings.Fields(text.Reveal())
	return oauth.NewSecret(words[len(words)-1])
}

// failure is the error of a run, with what to do.
func (v *Value) failure(err error) error {
	next := "run it in a terminal to see what it wants, such as a sign-in of its own; what it says is in the log of mcp-login"
	var own *oauth.Error
	if errors.As(err, &own) {
		err, next = own.Err, cmp.Or(own.Hint, next)
	}
	return &oauth.Error{Op: "run the command of " + v.String(), Err: err, Hint: next}
}
