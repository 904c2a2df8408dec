package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mcp-login/test/binary"
	"mcp-login/test/real"
)

// desk is a person's home. What is run there has the variables of a shell.
type desk struct {
	t             *testing.T
	node          real.Node
	program, home string // mcp-login, and the home
	url           string // of the server
	env           []string
	flags         []string // for the entries that config writes
}

// newDesk has one login of alice, and nothing else. Whatever is run there has no
// browser: it is served by the kept login or not at all.
func newDesk(t *testing.T) *desk {
	t.Helper()
	d := emptyDesk(t)
	want(t, d.run(d.program, append([]string{"login", d.url}, d.flags...)...), "signed in")
	d.flags = []string{"--store", "file", "--no-browser"}
	return d
}

// emptyDesk has nothing; its browser lets alice in.
func emptyDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t, node: real.NodeModules(t), program: binary.Build(t, "mcp-login"), home: t.TempDir()}
	_, base := lab(t, nil)
	d.url = base + "/mcp"
	// As in a shell: mcp-login and node are on the PATH, and nothing comes from
	// the home of whoever runs this test.
	path := []string{filepath.Dir(d.program), filepath.Dir(d.node.Path), os.Getenv("PATH")}
	d.env = []string{
		"HOME=" + d.home, "USERPROFILE=" + d.home, "PATH=" + strings.Join(path, string(os.PathListSeparator)),
		"NO_COLOR=1", "NO_PROXY=127.0.0.1", "HTTPS_PROXY=http://127.0.0.1:9", // what a host asks of its makers fails at once
		"TMPDIR=" + t.TempDir(),
	}
	d.flags = []string{"--store", "file", "--browser-command", binary.Self(t) + " approve alice"}
	return d
}

// in is the same home for a subtest.
func (d *desk) in(t *testing.T) *desk {
	inner := *d
	inner.t = t
	return &inner
}

// run executes a program with the variables of this home only and returns its
// stdout.
func (d *desk) run(name string, args ...string) string {
	d.t.Helper()
	out, errOut, err := d.try(name, args...)
	if err != nil {
		d.t.Fatalf("%s %q: %v\nstdout: %s\nstderr: %s", filepath.Base(name), args, err, out, errOut)
	}
	return out
}

func (d *desk) try(name string, args ...string) (out, errOut string, err error) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), 90*time.Second)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = d.env, d.home, &stdout, &stderr
	cmd.WaitDelay = 5 * time.Second // a host's children may hold the pipes
	err = cmd.Run()
	return stdout.String(), stderr.String(), err
}

// config lets mcp-login write its entry into a client's own file and returns the
// file's path.
func (d *desk) config(client string) string {
	d.t.Helper()
	var report struct {
		File    string
		Written bool
	}
	args := []string{"config", client, d.url, "--name", "remote", "--write", "--json", "--"}
	out := d.run(d.program, append(args, d.flags...)...)
	if err := json.Unmarshal([]byte(out), &report); err != nil || !report.Written || !strings.HasPrefix(report.File, d.home) {
		d.t.Fatalf("config %s: %v: %s", client, err, out)
	}
	return report.File
}

// npm returns the command line of a program among the npm packages.
func (d *desk) npm(name string, args ...string) []string {
	return append([]string{filepath.Join(d.node.Modules, ".bin", name)}, args...)
}
