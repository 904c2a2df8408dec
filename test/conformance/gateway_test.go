package conformance

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"mcp-login/test/binary"
	"mcp-login/test/real"
)

// startNode starts a server on a port of its own and returns its endpoint.
func startNode(t *testing.T, node real.Node, args ...string) string {
	t.Helper()
	address := real.FreeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	said := &binary.Output{}
	cmd := exec.Command(node.Path, args...)
	cmd.Env = append(os.Environ(), "PORT="+port)
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	said.Await(t, `(?:listening on port|running on) \S+`)
	return "http://localhost:" + port + "/mcp"
}

// reference starts the reference server of the suite, which is TypeScript that Node runs
// as it is, but for three names that exist as types only.
func reference(t *testing.T, node real.Node) string {
	t.Helper()
	source, err := os.ReadFile("reference/everything-server.ts")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	typed := strings.NewReplacer("\n  EventStore,", "\n  type EventStore,", "\n  EventId,", "\n  type EventId,", "\n  StreamId\n", "\n  type StreamId\n")
	file := filepath.Join(dir, "everything-server.ts")
	if err := os.WriteFile(file, []byte(typed.Replace(string(source))), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(node.Modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	return startNode(t, node, file)
}

// verdicts are the checks of every scenario, and what they say against the server.
type verdicts map[string]*verdict

type verdict struct {
	passed, failed int
	said           []string
}

// scenarioOf is the part of the name of a folder of results that names the scenario.
var scenarioOf = regexp.MustCompile(`^server-(.*)-\d{4}-\d\d-\d\dT`)

// judgeAll runs all scenarios that a revision has for servers.
func judgeAll(t *testing.T, node real.Node, url, revision string) verdicts {
	t.Helper()
	script := filepath.Join(node.Package(t, "@modelcontextprotocol/conformance"), "dist", "index.js")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	dir := t.TempDir()
	// It exits with 1 where a check failed.
	out, _ := exec.CommandContext(ctx, node.Path, script, "server", "--url", url, "--suite", "all", "--spec-version", revision, "-o", dir).CombinedOutput()
	files, _ := filepath.Glob(filepath.Join(dir, "*", "checks.json"))
	found := verdicts{}
	for _, file := range files {
		var checks []check
		raw, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(raw, &checks)
		}
		name := scenarioOf.FindStringSubmatch(filepath.Base(filepath.Dir(file)))
		if err != nil || name == nil {
			t.Fatalf("%s: %v", file, err)
		}
		v := &verdict{}
		for _, c := range checks {
			switch c.Status {
			case "SUCCESS":
				v.passed++
			case "FAILURE", "WARNING":
				v.failed++
				v.said = append(v.said, c.ID+": "+c.Error)
			}
		}
		found[name[1]] = v
	}
	if len(found) == 0 {
		t.Fatalf("no verdict:\n%s", lastLines(string(out), 60))
	}
	return found
}

// behindGateway judges a server alone and behind the gateway: no scenario may have fewer
// checks that pass there, or more that fail.
func behindGateway(t *testing.T, node real.Node, upstream string, least int, revisions ...string) {
	t.Helper()
	through := whoami(t, "--upstream", upstream, "--tool-scope", "no_such_tool=never")
	for _, revision := range revisions {
		direct, behind := judgeAll(t, node, upstream, revision), judgeAll(t, node, through, revision)
		scenarios, passed := 0, 0
		for name, want := range direct {
			got := behind[name]
			if got == nil {
				t.Errorf("%s, %s: not judged behind the gateway", revision, name)
				continue
			}
			if got.passed < want.passed || got.failed > want.failed {
				t.Errorf("%s, %s: %d checks pass and %d fail; behind the gateway %d and %d: %s", revision, name, want.passed, want.failed, got.passed, got.failed, got.said)
			}
			if want.failed > 0 {
				continue
			}
			scenarios++
			passed += got.passed
		}
		t.Logf("real part: official suite in server mode, %s: %d scenarios of %d pass without the gateway, and with it, in %d checks", revision, scenarios, len(direct), passed)
		if scenarios < least {
			t.Errorf("only %d scenarios pass without the gateway: this shows little", scenarios)
		}
	}
}

// All scenarios that the suite's own server passes, it passes behind the gateway: tools,
// resources, prompts, logging, sampling, elicitation, progress, sessions, streams that are
// taken up again, and input that a call of 2026-07-28 asks for.
func TestReferenceServerThroughGateway(t *testing.T) {
	node := real.NodeModules(t)
	behindGateway(t, node, reference(t, node), 30, "2025-11-25", "2026-07-28")
}

// The same for the everything server of the MCP project, which has tools of other names.
func TestEverythingServerThroughGateway(t *testing.T) {
	node := real.NodeModules(t)
	script := filepath.Join(node.Package(t, "@modelcontextprotocol/server-everything"), "dist", "index.js")
	behindGateway(t, node, startNode(t, node, script, "streamableHttp"), 11, "2025-11-25")
}
