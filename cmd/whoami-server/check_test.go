package main

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"mcp-login/internal/devidp"
	"mcp-login/test/real"
)

// A check says what a start would meet, one line each, and nothing is sent to the upstream.
func TestCheck(t *testing.T) {
	idp, err := devidp.Start(t.Context(), "127.0.0.1:0", devidp.Config{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = idp.Close() })
	upstream := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the upstream was asked") }))
	t.Cleanup(upstream.Close)
	gone := real.FreeAddress(t)
	good := []string{"--issuer", idp.Issuer(), "--upstream", upstream.URL + "/mcp"}
	cert, key := filepath.Join(t.TempDir(), "cert"), filepath.Join(t.TempDir(), "key")
	keyPair(t, 1, cert, key)
	const down = "hint: see that it runs and can be reached"
	for name, tt := range map[string]struct {
		args         []string
		code         int
		fine, faults string // what stdout and stderr have, "; " between the lines
	}{
		"all is well":     {good, exitOK, "ok: configuration, the resource follows from --listen\n; ok: issuer " + idp.Issuer() + "; ok: upstream " + upstream.URL + "/mcp", ""},
		"whoami":          {good[:2], exitOK, "ok: configuration; ok: issuer", ""},
		"no upstream":     {append(good[:2:2], "--upstream", "http://"+gone+"/mcp"), exitFailure, "ok: configuration; ok: issuer", "error: upstream: dial tcp " + gone + "; " + down},
		"no issuer":       {append([]string{"--issuer", "http://" + gone}, good[2:]...), exitFailure, "ok: configuration; ok: upstream", "error: load issuer metadata: ; " + down},
		"misnamed":        {append([]string{"--issuer", idp.Issuer() + "/"}, good[2:]...), exitFailure, "ok: configuration; ok: upstream", "error: issuer " + idp.Issuer() + "/: its metadata calls it; hint: write --issuer " + idp.Issuer()},
		"no resource":     {append(good[:2:2], "--listen", "0.0.0.0:3001"), exitUsage, "", "error: resource: missing; hint: "},
		"two mistakes":    {append(good, "--leeway", "soon", "--log-format", "xml"), exitUsage, "", "error: leeway; hint: ; error: log-format; hint: "},
		"same place":      {append(good[:2:2], "--resource", "http://127.0.0.1:1/mcp http://127.0.0.1:1/sse"), exitUsage, "", "error: server group: resource http://127.0.0.1:1/sse: its path is one of this server's own; hint: keep /mcp"},
		"same base":       {append(good[:2:2], "--resource", "http://127.0.0.1:1/mcp http://127.0.0.1:1/notes"), exitUsage, "", "error: server group: resources; hint: write paths of their own"},
		"query":           {[]string{"--dev", "--upstream", upstream.URL + "/mcp?token=s3cret"}, exitOK, "ok: configuration; ok: upstream " + upstream.URL + "/mcp\n", ""},
		"a resource":      {append(good[:2:2], "--resource", "https://mcp.example/mcp"), exitOK, "ok: configuration, resource https://mcp.example/mcp\n; ok: issuer", ""},
		"TLS":             {append(good[:2:2], "--tls-cert", cert, "--tls-key", key), exitOK, "ok: configuration, the resource follows from --listen\n; ok: issuer", ""},
		"two issuers":     {[]string{"--issuer", idp.Issuer() + " http://" + gone}, exitFailure, "ok: configuration; ok: issuer " + idp.Issuer() + "\n", "error: load issuer metadata: ; " + down},
		"second misnamed": {[]string{"--issuer", "http://" + gone + " " + idp.Issuer() + "/"}, exitFailure, "ok: configuration", "error: load issuer metadata: ; " + down + "; error: issuer " + idp.Issuer() + "/: its metadata calls it; hint: write --issuer 'http://" + gone + " " + idp.Issuer() + "'"},
		"dev":             {[]string{"--dev", "--upstream", upstream.URL + "/mcp"}, exitOK, "ok: configuration; ok: upstream", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := run(t.Context(), append([]string{"check"}, tt.args...), noEnv, &stdout, &stderr)
			if code != tt.code || !hasLines(stdout.String(), tt.fine) || !hasLines(stderr.String(), tt.faults) {
				t.Errorf("exit %d\nstdout: %s\nstderr: %s", code, &stdout, &stderr)
			}
		})
	}
	t.Setenv("WHOAMI_ISUER", "x")
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), append([]string{"check"}, good...), noEnv, &stdout, &stderr); code != exitOK || !strings.Contains(stderr.String(), "did you mean WHOAMI_ISSUER?") {
		t.Errorf("what a start warns of: exit %d\nstderr: %s", code, &stderr)
	}
}

// hasLines reports whether the lines of text, but for warnings of the log, begin like those of want.
func hasLines(text, want string) bool {
	wanted := strings.Split(want, "; ")
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "time=") {
			continue
		}
		if len(wanted) == 0 || wanted[0] == "" && want == "" || !strings.HasPrefix(line, wanted[0]) {
			return false
		}
		wanted = wanted[1:]
	}
	return len(wanted) == 0 || want == ""
}
