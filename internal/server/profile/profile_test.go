package profile_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mcp-login/bearer"
	"mcp-login/internal/devidp"
	"mcp-login/internal/server/profile"
	"mcp-login/test/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

const endpoint = "http://127.0.0.1:3002"

// direct calls devidp without a network, so that time can be false.
type direct struct{ handler http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	served := r.Clone(r.Context())
	if served.Body == nil {
		served.Body = http.NoBody
	}
	d.handler.ServeHTTP(w, served)
	return w.Result(), r.Context().Err()
}

// rig is devidp, and a source that asks it.
type rig struct {
	*profile.Source
	t   *testing.T
	idp *devidp.Provider
	log *bytes.Buffer
}

func start(t *testing.T, change func(*profile.Config)) *rig {
	t.Helper()
	users := []devidp.User{{Subject: "alice0000001", Username: "alice", Name: "Alice Example", Email: "alice@example.test"}}
	for k := range 100 {
		users = append(users, devidp.User{Subject: fmt.Sprint("many", k), Username: fmt.Sprint("many", k)})
	}
	machine := []string{"client_credentials"}
	idp, err := devidp.New(endpoint+"/oidc", devidp.Config{Users: users, Clients: []devidp.Client{
		{ID: "asker", Secret: "s3cret-s3cret", GrantTypes: machine, Management: true}, {ID: "norole", Secret: "s3cret-s3cret", GrantTypes: machine},
	}})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, idp: idp, log: &bytes.Buffer{}}
	cfg := profile.Config{
		Endpoint: endpoint, Resource: endpoint + "/api", ClientID: "asker", ClientSecret: "s3cret-s3cret",
		Transport: direct{idp}, Log: slog.New(slog.NewTextHandler(r.log, nil)),
	}
	if change != nil {
		change(&cfg)
	}
	r.Source = profile.New(cfg)
	t.Cleanup(r.Close)
	return r
}

// of is the identity of a token that says no more than its subject, completed.
func (r *rig) of(subject string, claims ...string) map[string]any {
	id := bearer.Identity{Issuer: endpoint + "/oidc", Subject: subject, ClientID: "app", Claims: map[string]any{"sub": subject}}
	for k := 0; k < len(claims); k += 2 {
		id.Claims[claims[k]] = claims[k+1]
	}
	before := maps.Clone(id.Claims)
	got := r.Complete(r.t.Context(), id).Claims
	if !maps.Equal(before, id.Claims) {
		r.t.Error("the claims of the token, which requests share, were changed")
	}
	return got
}

func (r *rig) asked() (users int) {
	for path, n := range r.idp.Stats().Paths {
		if strings.Contains(path, "/api/users/") || path == "other" {
			users += n
		}
	}
	return users
}

// The profile completes what the token says, and what the token says counts. It is asked
// for once in five minutes, with one token.
func TestProfileCompletesTheToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		for range 3 {
			got := r.of("alice0000001", "name", "As in the token")
			if len(got) != 4 || got["sub"] != "alice0000001" || got["username"] != "alice" || got["email"] != "alice@example.test" || got["name"] != "As in the token" {
				t.Fatalf("%v", got)
			}
		}
		if got := r.of("alice0000001"); got["name"] != "Alice Example" || r.asked() != 1 {
			t.Errorf("what one token says is in the next answer: %v; asked %d times", got, r.asked())
		}
		<-time.After(5*time.Minute + time.Second)
		r.of("alice0000001")
		if n := r.idp.Stats().TokenRequests["client_credentials"]; r.asked() != 2 || n != 1 {
			t.Errorf("asked %d times with %d tokens", r.asked(), n)
		}
		if r.log.Len() > 0 {
			t.Error(r.log)
		}
	})
}

// Nobody is asked about callers that are no users of this Logto, nor about a token that
// says everything, and once in a minute about one that Logto does not know.
func TestProfileOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		issuer := endpoint + "/oidc"
		for name, id := range map[string]bearer.Identity{
			"a machine":      {Issuer: issuer, Subject: "app", ClientID: "app"},
			"another issuer": {Issuer: "https://other.example", Subject: "alice0000001"},
			"a path":         {Issuer: issuer, Subject: "../applications"},
			"dots":           {Issuer: issuer, Subject: ".."},
			"a query":        {Issuer: issuer, Subject: "alice0000001?x"},
			"a long subject": {Issuer: issuer, Subject: strings.Repeat("a", 129)},
			"all is said":    {Issuer: issuer, Subject: "alice0000001", Claims: map[string]any{"username": "a", "name": nil, "email": nil}},
		} {
			if got := r.Complete(t.Context(), id); len(got.Claims) != len(id.Claims) || r.asked() != 0 {
				t.Errorf("%s: %v, asked %d times", name, got.Claims, r.asked())
			}
		}
		for range 3 {
			if got := r.of("nobody"); len(got) != 1 {
				t.Errorf("%v", got)
			}
		}
		if r.asked() != 1 || r.log.Len() > 0 {
			t.Errorf("asked %d times: %s", r.asked(), r.log)
		}
		var none *profile.Source // where nobody wants profiles
		none.Complete(t.Context(), bearer.Identity{Subject: "alice0000001"})
	})
}

// Whatever fails, the caller is who the token says, one line says what to do, and nobody
// is asked again for half a minute. No line has the secret, or what Logto said.
func TestProfileFailures(t *testing.T) {
	answer := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", endpoint+"/oidc/jwks")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	for name, tt := range map[string]struct {
		change  func(*profile.Config)
		path    string
		handler http.HandlerFunc
		want    string
	}{
		"no role":         {change: func(c *profile.Config) { c.ClientID = "norole" }, want: "no role with the permission all"},
		"wrong secret":    {change: func(c *profile.Config) { c.ClientSecret = "s3cret-other" }, want: "status 401, invalid_client"},
		"wrong resource":  {change: func(c *profile.Config) { c.Resource = "https://default.logto.app/api" }, want: "status 400, invalid_target"},
		"down":            {path: "GET /api/users", handler: answer(502, "s3cret"), want: "status 502"},
		"a redirect":      {path: "GET /api/users", handler: answer(302, ""), want: "status 302"},
		"not JSON":        {path: "GET /api/users", handler: answer(200, "s3cret"), want: "not the JSON object"},
		"endless":         {path: "GET /api/users", handler: answer(200, `{"username":"alice","x":"`+strings.Repeat("s3cret", 1<<18)+`"}`), want: "too large"},
		"token endless":   {path: "POST /token", handler: answer(200, strings.Repeat("s3cret", 1<<18)), want: "token for the Management API"},
		"token not there": {path: "POST /token", handler: answer(500, "s3cret"), want: "status 500"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, tt.change)
				if tt.path != "" {
					r.idp.SetFaults(devidp.Faults{Endpoints: map[string]http.HandlerFunc{tt.path: tt.handler}})
				}
				for range 3 {
					if got := r.of("alice0000001"); len(got) != 1 {
						t.Errorf("%v", got)
					}
				}
				requests := r.idp.Stats().Requests
				if said := r.log.String(); strings.Count(said, "\n") != 1 || !strings.Contains(said, tt.want) || strings.Contains(said, "s3cret") {
					t.Errorf("%s", said)
				}
				<-time.After(31 * time.Second)
				r.of("alice0000001")
				if n := r.idp.Stats().Requests; n == requests || requests > 2 {
					t.Errorf("%d requests, then %d", requests, n)
				}
			})
		})
	}
}

// A request waits for two seconds and no longer, all who ask about one user wait for one
// visit, and what comes later serves the next.
func TestProfileIsNotWaitedForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		answer := make(chan struct{})
		r.idp.SetFaults(devidp.Faults{Endpoints: map[string]http.HandlerFunc{"GET /api/users": func(w http.ResponseWriter, r *http.Request) {
			<-answer
			_, _ = w.Write([]byte(`{"username":"alice","name":"` + strings.Repeat("n", 600) + `"}`))
		}}})
		begun := time.Now()
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if got := r.of("alice0000001"); len(got) != 1 {
					t.Errorf("%v", got)
				}
			})
		}
		all.Wait()
		if took := time.Since(begun); took != 2*time.Second || r.asked() != 1 {
			t.Errorf("took %v, asked %d times", took, r.asked())
		}
		close(answer)
		synctest.Wait()
		if got := r.of("alice0000001"); got["username"] != "alice" || got["name"] != nil || r.asked() != 1 {
			t.Errorf("afterwards %v, asked %d times", got, r.asked())
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if id := r.Complete(ended, bearer.Identity{Issuer: endpoint + "/oidc", Subject: "many1"}); id.Claims != nil {
			t.Errorf("of a request that has ended: %v", id.Claims)
		}
		synctest.Wait()
	})
}

// However many users call, fifty are asked about at once and ten more a second.
func TestProfilesASecondAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		named := func() (n int) {
			for k := range 100 {
				if r.of(fmt.Sprint("many", k))["username"] != nil {
					n++
				}
			}
			return n
		}
		if n := named(); n != 50 || strings.Count(r.log.String(), "more users than") != 1 {
			t.Errorf("%d profiles: %s", n, r.log)
		}
		<-time.After(time.Second + time.Millisecond)
		if n := named(); n != 60 {
			t.Errorf("%d profiles a second later", n)
		}
	})
}

// A token that Logto refuses is not used again: once the operator has given the role, the next
// question brings a new one, although the old one has not ended.
func TestARefusedTokenIsNotUsedAgain(t *testing.T) {
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden} {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, nil)
			r.idp.SetFaults(devidp.Faults{Endpoints: map[string]http.HandlerFunc{
				"GET /api/users": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) },
			}})
			r.of("alice0000001")
			r.idp.SetFaults(devidp.Faults{})
			<-time.After(31 * time.Second)
			got := r.of("alice0000001")
			if n := r.idp.Stats().TokenRequests["client_credentials"]; n != 2 || got["name"] != "Alice Example" {
				t.Errorf("after %d: %d tokens, %v", status, n, got)
			}
		})
	}
}
