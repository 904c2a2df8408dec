package bearer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"mcp-login/internal/foreign"
	"mcp-login/internal/retry"
)

// maxOpaqueCalls bounds the calls under way about opaque tokens.
const maxOpaqueCalls = 64

// opaqueVerifier asks the issuer about tokens that only it can read, at its
// userinfo or its introspection endpoint. Anyone can send random tokens, so
// the calls are limited in three ways: [breaker], [budget] and slots.
type opaqueVerifier struct {
	provider *provider
	ask      func(ctx context.Context, meta metadata, token string) (Identity, error)
	outage   *foreign.Outage
	breaker  *breaker
	budget   *budget
	slots    chan struct{}
}

func newOpaqueVerifier(p *provider, endpoint string,
	ask func(context.Context, metadata, string) (Identity, error),
) *opaqueVerifier {
	return &opaqueVerifier{
		provider: p, ask: ask, outage: p.outage(endpoint), breaker: &breaker{name: endpoint},
		budget: newBudget(), slots: make(chan struct{}, maxOpaqueCalls),
	}
}

// unanswered is an ErrUnavailable of one call: the endpoint said nothing about
// the token. after is how long it wants to be left alone; 0: it did not say.
type unanswered struct {
	err   error
	after time.Duration
}

func (u *unanswered) Error() string { return u.err.Error() }

func (u *unanswered) Unwrap() error { return u.err }

func (u *unanswered) Is(target error) bool { return target == ErrUnavailable }

// verify is a [Verifier] without memory.
func (v *opaqueVerifier) verify(ctx context.Context, token string) (Identity, error) {
	meta, _, err := v.provider.metadata.get(ctx)
	if err != nil {
		return Identity{}, err
	}
	if !wasGood(ctx) {
		if err := v.budget.allow(clientOf(ctx)); err != nil {
			return Identity{}, err
		}
	}
	select {
	case v.slots <- struct{}{}:
		defer func() { <-v.slots }()
	case <-ctx.Done():
		return Identity{}, fmt.Errorf("wait for a slot: %w: %w", ErrUnavailable, ctx.Err())
	}
	if err := v.breaker.allow(); err != nil {
		return Identity{}, err
	}
	id, err := v.ask(ctx, meta, token)
	var silent *unanswered
	if errors.As(err, &silent) {
		v.outage.Report(err)
		v.breaker.report(false, silent.after)
		return Identity{}, err
	}
	v.outage.Report(nil)
	v.breaker.report(true, 0)
	if errors.Is(err, ErrInvalidToken) {
		v.budget.spend(clientOf(ctx))
	}
	return id, err
}

// noVerdict is the error for a status that says nothing about the token.
func noVerdict(endpoint string, status int, header http.Header) error {
	u := &unanswered{err: fmt.Errorf("%s answered %d", endpoint, status)}
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		u.after = retry.After(header.Get("Retry-After"), time.Now())
	}
	return u
}
