package conformance

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"mcp-login/test/binary"
	"mcp-login/test/real"
)

// start starts a server that says what matches said when it listens, and returns its endpoint.
func start(t *testing.T, command func(address string) *exec.Cmd, pattern string) string {
	t.Helper()
	address := real.FreeAddress(t)
	said := &binary.Output{}
	cmd := command(address)
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	said.Await(t, pattern)
	return "http://" + address + "/mcp"
}

// reference builds the everything server of go-sdk, which does what the reference server of
// the suite does. The suite's own is in no package.
func reference(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "everything-server")
	build := exec.Command("go", "build", "-o", file, "github.com/modelcontextprotocol/go-sdk/conformance/everything-server")
	build.Dir = real.Sources()
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the reference server: %v\n%s", err, out)
	}
	return file
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

// All scenarios that go-sdk's twin of the suite's own server passes, it passes behind the
// gateway: tools, resources, prompts, logging, sampling, elicitation, progress, sessions, and
// input that a call of 2026-07-28 asks for.
func TestReferenceServerThroughGateway(t *testing.T) {
	node := real.NodeModules(t)
	file := reference(t)
	for _, c := range []struct {
		revision, stateless string
		least               int
	}{{"2025-11-25", "false", 30}, {"2026-07-28", "true", 30}} {
		upstream := start(t, func(address string) *exec.Cmd {
			return exec.Command(file, "-http", address, "-stateless="+c.stateless)
		}, `listening (?:on|at) \S+`)
		behindGateway(t, node, upstream, c.least, c.revision)
	}
}

// The same for the everything server of the MCP project, which has tools of other names.
func TestEverythingServerThroughGateway(t *testing.T) {
	node := real.NodeModules(t)
	script := filepath.Join(node.Package(t, "@modelcontextprotocol/server-everything"), "dist", "index.js")
	upstream := start(t, func(address string) *exec.Cmd {
		cmd := exec.Command(node.Path, script, "streamableHttp")
		_, port, _ := net.SplitHostPort(address)
		cmd.Env = append(os.Environ(), "PORT="+port)
		return cmd
	}, `(?:listening on port|running on) \S+`)
	behindGateway(t, node, upstream, 11, "2025-11-25")
}
