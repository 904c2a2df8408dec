package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"mcp-login/test/binary"
	"mcp-login/test/real"
)

func TestMain(m *testing.M) { binary.Main(m, nil) }

// transport are the scenarios of the 2025-11-25 list that need no login.
var transport = []string{"initialize", "tools_call", "elicitation-sep1034-client-defaults", "sse-retry"}

// authorization are the scenarios of both required lists that are about login.
// The refusing ones would be passed by a client that merely breaks: they count
// because iss-supported and iss-not-advertised pass in the same run.
var authorization = []string{
	"metadata-default", "metadata-var1", "metadata-var2", "metadata-var3", "basic-cimd",
	"scope-from-www-authenticate", "scope-from-scopes-supported", "scope-omitted-when-undefined", "scope-step-up", "scope-retry-limit",
	"token-endpoint-auth-basic", "token-endpoint-auth-post", "token-endpoint-auth-none", "pre-registration",
	"resource-mismatch", "offline-access-scope", "offline-access-not-supported", "authorization-server-migration",
	"iss-supported", "iss-not-advertised", "iss-supported-missing", "iss-wrong-issuer", "iss-unexpected", "iss-normalized", "metadata-issuer-mismatch",
}

// oldAuthorization are those for servers of 2025-03-26.
var oldAuthorization = []string{"2025-03-26-oauth-metadata-backcompat", "2025-03-26-oauth-endpoint-fallback"}

// extensions are the optional ones that are built.
var extensions = []string{"client-credentials-jwt", "client-credentials-basic"}

// skipped is what the suite says of a scenario that it has not run, with exit status 0.
const skipped = "SKIPPED: scenario"

// suite is one installed version of the suite.
type suite struct {
	node   real.Node
	script string
	env    []string
	driver string
}

func newSuite(t *testing.T, pkg string) suite {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the suite starts its client through a POSIX shell")
	}
	node := real.NodeModules(t)
	dir := node.Package(t, pkg)
	return suite{
		node: node, script: filepath.Join(dir, "dist", "index.js"), driver: buildDriver(t),
		env: append(os.Environ(), "MCP_LOGIN_BINARY="+binary.Build(t, "mcp-login"), "NO_COLOR=1"),
	}
}

func buildDriver(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "driver")
	if out, err := exec.Command("go", "build", "-o", path, "mcp-login/test/conformance/driver").CombinedOutput(); err != nil {
		t.Fatalf("build the driver: %v\n%s", err, out)
	}
	return path
}

// timed is the scenario that measures our pauses to within 200 ms. Other tests
// run beside it, so a late verdict may be the machine's fault: it gets three
// tries, everything else one.
const timed = "sse-retry"

// run runs one scenario; the suite's exit status is its verdict, warnings
// included.
func (s suite) run(t *testing.T, scenario string, args ...string) {
	t.Run(scenario, func(t *testing.T) {
		tries := 1
		if scenario == timed {
			tries = 3
		}
		for try := 1; ; try++ {
			out, err := s.try(t, scenario, args...)
			if err == nil {
				return
			}
			if try == tries {
				t.Fatalf("%v\n%s", err, lastLines(out, 40))
			}
			t.Logf("try %d: %v", try, err)
		}
	})
}

func (s suite) try(t *testing.T, scenario string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	args = append([]string{s.script, "client", "--command", s.driver, "--scenario", scenario}, args...)
	if !slices.Contains(args, "-o") {
		args = append(args, "-o", t.TempDir())
	}
	cmd := exec.CommandContext(ctx, s.node.Path, args...)
	cmd.Env = s.env
	out, err := cmd.CombinedOutput()
	if err == nil && strings.Contains(string(out), skipped) {
		err = errors.New("the suite has skipped it")
	}
	return string(out), err
}

func lastLines(s string, n int) string {
	lines := strings.Split(s, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// On the wire of 2025-11-25, with no flag but what a scenario's own data
// demands: 31 of 31.
func TestNewestSuite(t *testing.T) {
	s := newSuite(t, "@modelcontextprotocol/conformance")
	for _, scenario := range transport {
		s.run(t, scenario, "--spec-version", "2025-11-25")
	}
	for _, scenario := range authorization {
		s.run(t, "auth/"+scenario, "--spec-version", "2025-11-25", "--force")
	}
	for _, scenario := range slices.Concat(oldAuthorization, extensions) {
		s.run(t, "auth/"+scenario)
	}
}

// modern are the scenarios of 2026-07-28 that are about the wire.
var modern = []string{
	"tools_call", "request-metadata", "sep-2322-client-request-state", "http-standard-headers", "http-custom-headers",
	"http-invalid-tool-headers", "json-schema-ref-no-deref", "json-schema-2020-12-preservation",
}

// On the wire of 2026-07-28, with no flag: all 33 scenarios, the 32 of the
// required list among them, and the client credentials. The local client begins
// a session, as those of 2025 do, or speaks 2026-07-28 itself.
func TestModernWire(t *testing.T) {
	for _, client := range []string{"with sessions", "of 2026-07-28"} {
		t.Run("client "+client, func(t *testing.T) {
			s := newSuite(t, "@modelcontextprotocol/conformance")
			if client == "of 2026-07-28" {
				s.env = append(s.env, "DRIVER_MODERN=1")
			}
			for _, scenario := range modern {
				s.run(t, scenario, "--spec-version", "2026-07-28")
			}
			for _, scenario := range authorization {
				s.run(t, "auth/"+scenario, "--spec-version", "2026-07-28")
			}
		})
	}
}

// checked are the scenarios of extensions that the suite skips where it takes them for
// another revision's, with exit status 0: each is passed when these of its checks are.
var checked = map[string][]string{
	"dpop": {"sep-1932-client-token-request-proof", "sep-1932-client-dpop-auth-scheme", "sep-1932-client-fresh-proof"},
	"dpop-nonce": {
		"sep-1932-client-token-request-proof", "sep-1932-client-dpop-auth-scheme", "sep-1932-client-fresh-proof", "sep-1932-client-as-nonce", "sep-1932-client-rs-nonce",
	},
	"enterprise-managed-authorization": {"complete-flow-token-exchange", "complete-flow-jwt-bearer"},
	"wif-jwt-bearer":                   {"wif-assertion-verified"},
}

// On both wires.
func TestCheckedExtensions(t *testing.T) {
	s := newSuite(t, "@modelcontextprotocol/conformance")
	for scenario, ids := range checked {
		for wire, args := range map[string][]string{"2025": nil, "2026": {"--spec-version", "2026-07-28", "--force"}} {
			t.Run(scenario+" "+wire, func(t *testing.T) {
				dir := t.TempDir()
				out, err := s.try(t, "auth/"+scenario, append(args, "-o", dir)...)
				if err != nil {
					t.Fatalf("%v\n%s", err, lastLines(out, 40))
				}
				passed := passedChecks(t, dir)
				for _, id := range ids {
					if !passed[id] {
						t.Errorf("%s has not passed:\n%s", id, lastLines(out, 40))
					}
				}
			})
		}
	}
}

// passedChecks are the ids in the checks.json below dir, of which none may be anything but
// passed or for information.
func passedChecks(t *testing.T, dir string) map[string]bool {
	t.Helper()
	passed := map[string]bool{}
	files, err := filepath.Glob(filepath.Join(dir, "*", "*", "checks.json"))
	if err != nil || len(files) != 1 {
		t.Fatalf("checks.json: %v %v", files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	var checks []struct{ ID, Status string }
	if err := json.Unmarshal(b, &checks); err != nil {
		t.Fatal(err)
	}
	for _, c := range checks {
		switch c.Status {
		case "SUCCESS":
			passed[c.ID] = true
		case "INFO":
		default:
			t.Errorf("%s: %s", c.ID, c.Status)
		}
	}
	return passed
}

// TestBaseline keeps the list of what does not work honest: what is in it is
// tried, and must fail.
func TestBaseline(t *testing.T) {
	s := newSuite(t, "@modelcontextprotocol/conformance")
	list, err := os.ReadFile("baseline.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(list)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] == "#" {
			continue
		}
		t.Run(fields[0], func(t *testing.T) {
			if out, err := s.try(t, fields[0]); err == nil {
				t.Errorf("passes: take it out of baseline.txt and into the lists above\n%s", lastLines(out, 20))
			}
		})
	}
}

// The version most servers and clients are still judged by.
func TestOlderSuite(t *testing.T) {
	s := newSuite(t, "conformance-0.1.16")
	for _, scenario := range append(transport[:len(transport):len(transport)], older...) {
		s.run(t, scenario)
	}
}

// older are the scenarios that version knows.
var older = []string{
	"auth/metadata-default", "auth/metadata-var1", "auth/metadata-var2", "auth/metadata-var3", "auth/basic-cimd",
	"auth/scope-from-www-authenticate", "auth/scope-from-scopes-supported", "auth/scope-omitted-when-undefined", "auth/scope-step-up", "auth/scope-retry-limit",
	"auth/token-endpoint-auth-basic", "auth/token-endpoint-auth-post", "auth/token-endpoint-auth-none", "auth/pre-registration",
	"auth/resource-mismatch", "auth/offline-access-scope", "auth/offline-access-not-supported", "auth/2025-03-26-oauth-endpoint-fallback",
}
