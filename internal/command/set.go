package command

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"

	"mcp-login/internal/oauth/grant"
)

// Header is a header whose value a command prints.
type Header struct {
	// Name is the name of the header, and Scheme what stands before the value in it, such
	// as "Bearer ".
	Name, Scheme string
	Command      Command
	// Check refuses a value that cannot be sent. Its error shows nothing of the value.
	Check func(value grant.Secret) error
}

// authorizes reports whether the header is Authorization.
func (h Header) authorizes() bool { return http.CanonicalHeaderKey(h.Name) == "Authorization" }

// Set is the commands for one server. nil is an empty one.
type Set struct {
	values []*Value
	log    *slog.Logger
	stop   context.CancelCauseFunc
	work   sync.WaitGroup
}

// errClosed is why runs end when the Set is closed.
var errClosed = errors.New("the program ends")

// NewSet returns a Set of commands. Nothing is run yet. path is the variable PATH; log gets
// what the commands write to their standard error.
func NewSet(headers []Header, path string, log *slog.Logger) *Set {
	ctx, stop := context.WithCancelCause(context.Background())
	s := &Set{log: log, stop: stop}
	for _, h := range headers {
		s.values = append(s.values, newValue(ctx, &s.work, h, func(ctx context.Context) (grant.Secret, error) { return h.Command.run(ctx, path, log) }))
	}
	return s
}

// Close ends the commands that run, and waits until they have ended.
func (s *Set) Close() {
	if s != nil {
		s.stop(errClosed)
		s.work.Wait()
	}
}

// Values returns the values of the commands, in the order of the headers.
func (s *Set) Values() []*Value {
	if s == nil {
		return nil
	}
	return s.values
}

// Authorization returns the value of the Authorization header, without its scheme, nil where
// no command prints it.
func (s *Set) Authorization() *Value {
	for _, v := range s.Values() {
		if v.header.authorizes() {
			return v
		}
	}
	return nil
}

// Header returns the headers that the commands print, but for Authorization.
func (s *Set) Header(ctx context.Context) (http.Header, error) {
	header := http.Header{}
	for _, v := range s.Values() {
		if v.header.authorizes() {
			continue
		}
		p, err := v.Get(ctx)
		if err != nil {
			return nil, err
		}
		header.Set(v.header.Name, v.header.Scheme+p.Text.Reveal())
	}
	return header, nil
}

// printed returns what the commands print. What was refused with a 401 is replaced where that
// is possible; refused has nil for commands whose value was not.
func (s *Set) printed(ctx context.Context, refused []*Printed) ([]*Printed, error) {
	all := make([]*Printed, len(s.values))
	errs := make([]error, len(s.values))
	var work sync.WaitGroup
	for i, v := range s.values {
		work.Go(func() { all[i], errs[i] = v.replace(ctx, refused[i]) })
	}
	work.Wait()
	return all, cmp.Or(errs...)
}
