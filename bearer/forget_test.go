package bearer

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mcp-login/test/binary"
	"mcp-login/test/issuer"
)

// withheld returns an endpoint whose answer is made at once and given when release is closed.
func withheld(serve http.HandlerFunc) (_ http.HandlerFunc, release chan struct{}) {
	release = make(chan struct{})
	return func(w http.ResponseWriter, r *http.Request) {
		serve(w, r)
		<-release
	}, release
}

// A check that asked before a revocation and hears after it leaves no verdict behind: neither
// what another replica has found nor a reload is undone by it.
func TestACheckUnderWayDoesNotUndoARevocation(t *testing.T) {
	for name, revoke := range map[string]func(*Server){
		"Forget": func(s *Server) { s.Forget(keyOf("opaque")) },
		"Reload": func(s *Server) { s.Reload() },
	} {
		t.Run(name, func(t *testing.T) {
			simulated(t, func(c *Config) { c.CacheTTL = time.Hour }, func(t *testing.T, i *issuer.Issuer, s *Server) {
				var release chan struct{}
				i.Userinfo, release = withheld(issuer.Answer(200, issuer.LogtoClaims))
				began := make(chan error, 1)
				go func() {
					_, err := s.Verify(t.Context(), "opaque")
					began <- err
				}()
				synctest.Wait()
				i.Userinfo = issuer.UnknownToken
				revoke(s)
				// Whoever comes now is not answered by the check that began before.
				if _, err := s.Verify(t.Context(), "opaque"); !errors.Is(err, ErrInvalidToken) {
					t.Errorf("while it is under way: %v", err)
				}
				close(release)
				if err := <-began; err != nil {
					t.Errorf("who came before: %v", err)
				}
				if _, err := s.Verify(t.Context(), "opaque"); !errors.Is(err, ErrInvalidToken) {
					t.Errorf("afterwards: %v", err)
				}
			})
		})
	}
}

// While a reload waits for new keys the old ones still serve, and what was verified with them
// in that time is forgotten when the new ones are there.
func TestReloadForgetsWhatOldKeysVerifiedMeanwhile(t *testing.T) {
	simulated(t, func(c *Config) { c.CacheTTL = time.Hour }, func(t *testing.T, i *issuer.Issuer, s *Server) {
		s.Reload()
		synctest.Wait()
		token := i.Sign(t, issuer.Change{})
		i.AddKey(t, "k2")
		i.Keys.Delete("k1")
		var release chan struct{}
		i.JWKS, release = withheld(i.ServeKeys)
		s.Reload()
		synctest.Wait()
		if _, err := s.Verify(t.Context(), token); err != nil {
			t.Errorf("before the new keys are there: %v", err)
		}
		close(release)
		synctest.Wait()
		if _, err := s.Verify(t.Context(), token); !errors.Is(err, ErrInvalidToken) {
			t.Errorf("after: %v", err)
		}
	})
}

// An observer that panics is logged, and takes neither the process nor the answer along: a
// check runs outside of net/http's protection.
func TestAnObserverThatPanicsHarmsNobody(t *testing.T) {
	var log binary.Output
	observed := 0
	simulated(t, func(c *Config) {
		c.Log, c.Observe = log.Logger(), func(Event) { observed++; panic("secret") }
	}, func(t *testing.T, i *issuer.Issuer, s *Server) {
		token := i.Sign(t, issuer.Change{})
		for range 2 {
			if _, err := s.Verify(t.Context(), token); err != nil {
				t.Error(err)
			}
		}
	})
	if said := log.String(); observed != 2 || !strings.Contains(said, "the observer of verdicts panicked") || strings.Contains(said, "secret") {
		t.Errorf("%d calls, log %s", observed, said)
	}
}

// What a proof could mend is no verdict about the token: the next who presents it is judged
// anew, and the token is checked once.
func TestThatATokenIsBoundIsNotKept(t *testing.T) {
	var verdicts []error
	simulated(t, func(c *Config) { c.Observe = func(e Event) { verdicts = append(verdicts, e.Err) } }, func(t *testing.T, i *issuer.Issuer, s *Server) {
		token := i.Claim(t, "cnf", map[string]any{"jkt": "x"})
		for range 3 {
			if _, err := s.Verify(t.Context(), token); !errors.Is(err, errBound) {
				t.Error(err)
			}
		}
		if good, refused, _ := s.results.size(); good != 1 || refused != 0 || errors.Join(verdicts...) != nil {
			t.Errorf("%d good, %d refused, %v", good, refused, verdicts)
		}
	})
}
