package server

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"mcp-login/test/issuer"
)

// What is counted about tokens is what happened to them.
func TestMetricsCountWhatHappenedToTokens(t *testing.T) {
	registry := prometheus.NewRegistry()
	simulated(t, func(c *Config) { c.Metrics = registry }, func(t *testing.T, i *issuer.Issuer, s *Server) {
		i.Userinfo = issuer.Answer(200, issuer.LogtoClaims)
		ask := func(token string, want int) {
			t.Helper()
			if resp := call(s, "POST", "/mcp", token, callWhoami); resp.StatusCode != want {
				t.Errorf("%d, want %d", resp.StatusCode, want)
			}
		}
		ask("opaque", 200)
		ask("opaque", 200)
		ask(i.Claim(t, "aud", "x"), 401)
		i.Userinfo = issuer.Answer(500, "")
		for range 5 { // then it is left alone
			ask("another", 503)
		}
		<-time.After(30 * time.Second) // in virtual time
		ask("opaque", 200)
		ask("opaque", 200)
		page := httptestGet(s.OperationsHandler(registry), "/metrics").Body.String()
		for _, want := range []string{
			"\nwhoami_tokens_known_total 1\n", "\nwhoami_tokens_kept_total 2\n", `whoami_token_checks_total{verdict="good"} 1`,
			`whoami_token_checks_total{verdict="bad"} 1`, `whoami_token_checks_total{verdict="unknown"} 7`,
			`whoami_tokens_remembered{verdict="good"} 1`, "\nwhoami_issuer_left_alone 1\n",
		} {
			if !strings.Contains(page, want) {
				t.Errorf("%q is missing in\n%s", want, page)
			}
		}
	})
}
