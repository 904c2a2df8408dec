package command

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"mcp-login/internal/hint"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/grant"
	"mcp-login/internal/retry"
)

// Bounds of how often a command is run.
const (
	// minUse is how long a value is used even if it has ended: a program may keep a token
	// to its last second, and clocks differ.
	minUse = 10 * time.Second
	// afterFailure is how long all requests get the error of a failed run.
	afterFailure = 3 * time.Second
	// afterRefusal is how long a command is not run again when two of its values in a row
	// were refused.
	afterRefusal = 30 * time.Second
	// maxRefusals bounds the runs in a row because of refusals; after each perRefusal one
	// more is allowed.
	maxRefusals = 10
	perRefusal  = 20 * time.Second
)

// Printed is what a command has printed.
type Printed struct {
	// Text is the whole of it, as a header has it.
	Text grant.Secret
	// Expiry is when the JSON Web Token in it ends; zero where there is no such token, or
	// it does not say.
	Expiry time.Time

	issued, printedAt time.Time
	renewed           bool // printed because the value before it was refused
	accepted          bool // the server has accepted it
}

// Token returns the token in it, without a scheme such as Bearer.
func (p *Printed) Token() grant.Secret { return lastWord(p.Text) }

// fresh reports whether the value can be used at the time now, by [oauth.Credential.Fresh].
// nil cannot.
func (p *Printed) fresh(now time.Time) bool {
	if p == nil || p.Expiry.IsZero() {
		return p != nil
	}
	cred := oauth.Credential{AccessToken: p.Text, ObtainedAt: p.issued, Expiry: p.Expiry}
	return cred.Fresh(now) || now.Sub(p.printedAt) < minUse
}

// Value is what one command prints, kept while it is good. It is safe for concurrent use.
type Value struct {
	header Header
	run    func(ctx context.Context) (grant.Secret, error)
	ctx    context.Context // of the Set: its end ends a run
	work   *sync.WaitGroup

	mu       sync.Mutex
	current  *Printed // the last one, nil before the first
	failed   error    // of the last run
	failedAt time.Time
	running  *retry.Call[*Printed] // the run under way, nil for none
	refusals *rate.Limiter
}

func newValue(ctx context.Context, work *sync.WaitGroup, header Header, run func(ctx context.Context) (grant.Secret, error)) *Value {
	return &Value{header: header, run: run, ctx: ctx, work: work, refusals: rate.NewLimiter(rate.Every(perRefusal), maxRefusals)}
}

// String names the flag and the program.
func (v *Value) String() string { return v.header.Command.String() }

// Source names what the command prints.
func (v *Value) Source() string { return "what the command of " + v.String() + " printed" }

// Name is that of the header.
func (v *Value) Name() string { return http.CanonicalHeaderKey(v.header.Name) }

// Get returns what the command prints, running it if need be. A run goes on when ctx ends,
// because others may wait for it.
func (v *Value) Get(ctx context.Context) (*Printed, error) { return v.replace(ctx, nil) }

// replace returns what the command prints in the place of what was refused with a 401, nil
// for nothing. It returns refused itself where the command is not run again so soon.
func (v *Value) replace(ctx context.Context, refused *Printed) (*Printed, error) {
	call, p, err := v.joinRun(refused)
	if call == nil {
		return p, err
	}
	if err := call.Wait(ctx); err != nil {
		return nil, fmt.Errorf("wait for %s: %w", v, err)
	}
	return call.Result()
}

// joinRun joins the run under way or begins one; call is nil when the result is known.
func (v *Value) joinRun(refused *Printed) (call *retry.Call[*Printed], p *Printed, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := time.Now()
	switch {
	case v.running != nil:
		return v.running, nil, nil
	case v.current != refused && v.current.fresh(now):
		return nil, v.current, nil
	case v.failed != nil && now.Sub(v.failedAt) < afterFailure:
		return nil, nil, v.failed
	case refused != nil && (refused.renewed && !refused.accepted && now.Sub(refused.printedAt) < afterRefusal || !v.refusals.AllowN(now, 1)):
		return nil, refused, nil
	case v.ctx.Err() != nil:
		return nil, nil, fmt.Errorf("run %s: %w", v, context.Cause(v.ctx))
	}
	call = retry.NewCall[*Printed]()
	v.running = call
	v.work.Go(func() { v.runOnce(call, refused != nil) })
	return call, nil, nil
}

// runOnce runs the command and ends call with the result. renewed says that a value was
// refused.
func (v *Value) runOnce(call *retry.Call[*Printed], renewed bool) {
	text, err := v.run(v.ctx)
	if err == nil {
		err = v.header.Check(text)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.running = nil; err != nil {
		v.failed, v.failedAt = v.failure(err), time.Now()
		call.End(nil, v.failed)
		return
	}
	p := &Printed{Text: text, printedAt: time.Now(), renewed: renewed}
	p.Expiry, p.issued = grant.TokenTimes(p.Token())
	v.current, v.failed = p, nil
	call.End(p, nil)
}

// accepted records that the server has accepted p.
func (v *Value) accepted(p *Printed) {
	v.mu.Lock()
	p.accepted = true
	v.mu.Unlock()
}

// lastWord returns the token in a value such as "Bearer TOKEN".
func lastWord(text grant.Secret) grant.Secret {
	words := strings.Fields(text.Reveal())
	return grant.NewSecret(words[len(words)-1])
}

// failure returns the error for people of a failed run.
func (v *Value) failure(err error) error {
	next := "run it in a terminal to see what it wants, such as a sign-in of its own; what it says is in the log of mcp-login"
	return &grant.Error{Op: "run the command of " + v.String(), Err: err, Hint: cmp.Or(hint.Of(err), next)}
}
