package command

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"sync"

	"mcp-login/internal/foreign"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
	"mcp-login/internal/origin"
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
		s.values = append(s.values, newValue(ctx, &s.work, h, func(ctx context.Context) (grant.Secret, error) { return h.Command.Run(ctx, path, log) }))
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

// Transport returns a RoundTripper that puts what the commands print on requests to server,
// and on no others. After a refusal it runs them once more and repeats the request once. A second
// one is an *grant.Error with a hint where a command prints the Authorization header; else it
// is returned, because it may be about the sign-in. A 401 without a challenge to a request
// with Mcp-Session-Id is returned as well.
func (s *Set) Transport(server *url.URL, base http.RoundTripper) http.RoundTripper {
	if len(s.Values()) == 0 {
		return base
	}
	return &transport{s, server, base}
}

type transport struct {
	set    *Set
	server *url.URL
	base   http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if !origin.SameOrigin(req.URL, t.server) {
		return t.base.RoundTrip(req)
	}
	printed, err := t.set.printed(req.Context(), make([]*Printed, len(t.set.values)))
	if err != nil {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, err
	}
	resp, err := t.send(req, printed)
	if err != nil || !t.refusesPrinted(resp) || t.asksForSignIn(req, resp) {
		return resp, err
	}
	newer, err := t.set.printed(req.Context(), printed)
	if err != nil {
		foreign.Discard(resp)
		return nil, err
	}
	if !slices.Equal(newer, printed) {
		foreign.Discard(resp)
		if req, err = oauth.Replay(req); err != nil {
			return nil, &grant.Error{Op: "use " + t.server.Redacted(), Err: err}
		}
		resp, err = t.send(req, newer)
		if err != nil || !t.refusesPrinted(resp) {
			return resp, err
		}
	}
	return t.refused(req, resp)
}

// send sends a copy of req with what was printed. A header that req has already is kept.
func (t *transport) send(req *http.Request, printed []*Printed) (*http.Response, error) {
	signed := req.WithContext(req.Context())
	signed.Header = req.Header.Clone()
	for i, v := range t.set.values {
		if len(signed.Header.Values(v.header.Name)) == 0 {
			signed.Header.Set(v.header.Name, v.header.Scheme+printed[i].Text.Reveal())
		}
	}
	resp, err := t.base.RoundTrip(signed)
	if err == nil && resp.StatusCode/100 == 2 {
		for i, v := range t.set.values {
			v.accepted(printed[i])
		}
	}
	return resp, err
}

// refusesPrinted reports whether a response refuses what was printed.
func (t *transport) refusesPrinted(resp *http.Response) bool {
	return resp.StatusCode == http.StatusUnauthorized || t.set.Authorization() != nil && oauth.RefusesToken(resp)
}

// asksForSignIn reports whether a 401 asks for a sign-in (RFC 9728, section 5.1) where nothing
// signs the request, so that it says nothing about what a command printed.
func (t *transport) asksForSignIn(req *http.Request, resp *http.Response) bool {
	challenge, _ := discovery.BearerChallenge(resp.Header)
	return challenge.ResourceMetadata() != "" && t.set.Authorization() == nil && req.Header.Get("Authorization") == ""
}

// refused handles a refusal of what was printed for a second time.
func (t *transport) refused(req *http.Request, resp *http.Response) (*http.Response, error) {
	if oauth.MayBeSessionLoss(req, resp) {
		return resp, nil
	}
	if t.set.Authorization() != nil {
		foreign.Discard(resp)
		return nil, t.set.Refused(t.server, resp)
	}
	for _, v := range t.set.values {
		t.set.log.Warn("the server answers 401 although the command was run again", "command", v.String())
	}
	return resp, nil
}

// Refused returns the error for a refusal of the Authorization header that a command printed.
func (s *Set) Refused(server *url.URL, resp *http.Response) error {
	return oauth.CredentialRefused(server, resp, s.Authorization().Source(),
		"run it in a terminal to see whether it prints a token for this server, and one that has not ended")
}
