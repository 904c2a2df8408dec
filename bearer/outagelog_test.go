package bearer

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"mcp-login/test/binary"
	"mcp-login/test/issuer"
)

// outageLines are those of the log about the issuer's failures: their level and endpoint.
func outageLines(log string) (all []string) {
	for line := range strings.Lines(log) {
		if fields := strings.Fields(line); !strings.Contains(line, " msg=request ") {
			for _, f := range fields {
				if endpoint, ok := strings.CutPrefix(f, "endpoint="); ok {
					all = append(all, strings.TrimPrefix(fields[1], "level=")+" "+endpoint)
				}
			}
		}
	}
	return all
}

// An outage is one line when it begins, however many requests fail and whatever depends on
// the endpoint, a few more while it lasts, and one at its end.
func TestAnOutageIsAFewLines(t *testing.T) {
	for endpoint, tt := range map[string]struct {
		handler func(*issuer.Issuer) *http.HandlerFunc
		opaque  bool
		change  func(*Config)
	}{
		"metadata":      {func(i *issuer.Issuer) *http.HandlerFunc { return &i.Metadata }, false, nil},
		"keys":          {func(i *issuer.Issuer) *http.HandlerFunc { return &i.JWKS }, false, nil},
		"userinfo":      {func(i *issuer.Issuer) *http.HandlerFunc { return &i.Userinfo }, true, nil},
		"introspection": {func(i *issuer.Issuer) *http.HandlerFunc { return &i.Introspection }, true, introspecting},
	} {
		t.Run(endpoint, func(t *testing.T) {
			var log binary.Output
			change := func(c *Config) {
				c.Log = log.Logger()
				if tt.change != nil {
					tt.change(c)
				}
			}
			simulated(t, change, func(t *testing.T, i *issuer.Issuer, s *Server) {
				i.Userinfo = issuer.Answer(200, issuer.LogtoClaims)
				if endpoint == "introspection" {
					introspect(i, "", issuer.Answer(200, `{"active":true,"sub":"u1","aud":"`+issuer.Resource+`"}`))
				}
				well := *tt.handler(i)
				*tt.handler(i) = issuer.Answer(500, "")
				ask := func(n, want int) {
					t.Helper()
					token := fmt.Sprint("opaque-", n)
					if !tt.opaque {
						token = i.Sign(t, issuer.Change{Claims: map[string]any{"jti": token}})
					}
					if resp := call(s, "POST", "/mcp", token, callWhoami); resp.StatusCode != want {
						t.Fatalf("request %d: %d, want %d", n, resp.StatusCode, want)
					}
				}
				for n := range 10 {
					ask(n, 503)
				}
				if got := fmt.Sprint(outageLines(log.String())); got != "[WARN "+endpoint+"]" {
					t.Errorf("at the beginning: %s", got)
				}
				for n := range 8 * 60 * 6 { // eight hours
					<-time.After(10 * time.Second)
					ask(10+n, 503)
				}
				if n := len(outageLines(log.String())); n < 10 || n > 15 {
					t.Errorf("%d lines about eight hours", n)
				}
				*tt.handler(i) = well
				<-time.After(breakerMaxPause)
				before := len(outageLines(log.String()))
				for n := range 3 {
					ask(-1-n, 200)
				}
				if got := fmt.Sprint(outageLines(log.String())[before:]); got != "[INFO "+endpoint+"]" {
					t.Errorf("at the end: %s", got)
				}
			})
		})
	}
}

// An endpoint that fails every other time is not worth a line each time.
func TestAnEndpointThatFlickersIsLoggedOnceAMinute(t *testing.T) {
	var log binary.Output
	simulated(t, func(c *Config) { c.Log = log.Logger() }, func(t *testing.T, i *issuer.Issuer, s *Server) {
		asked := 0
		i.Userinfo = func(w http.ResponseWriter, r *http.Request) {
			if asked++; asked%2 == 1 {
				issuer.Answer(502, "")(w, r)
				return
			}
			issuer.Answer(200, issuer.LogtoClaims)(w, r)
		}
		for n := range 600 {
			call(s, "POST", "/mcp", fmt.Sprint("opaque-", n), callWhoami)
			<-time.After(time.Second)
		}
		if got := outageLines(log.String()); asked < 500 || len(got) != 20 {
			t.Errorf("%d calls, %v", asked, got)
		}
	})
}
