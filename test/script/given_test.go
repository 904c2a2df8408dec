//go:build unix

package script

import (
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"mcp-login/test/real"

	"mcp-login/internal/devidp"
	"mcp-login/test/binary"
)

// A shell's process substitution is a pipe, which gives its bytes once. The flags
// of files take it, however many parts of a run want the file.
func TestFlagsTakeProcessSubstitution(t *testing.T) {
	t.Parallel()
	bash := real.Program(t, "bash", "apt-get install bash")
	program := binary.Build(t, "mcp-login")
	t.Run("headers", func(t *testing.T) {
		t.Parallel()
		srv := httptest.NewServer(http.HandlerFunc(minimal))
		defer srv.Close()
		// The translation of mcp-remote's words reads the file first.
		script := `exec "$0" --header-file <(echo 'X-One: one') --header-file <(echo 'X-Two: two') "$1"`
		b := started(t, exec.Command(bash, "-c", script, program, srv.URL+"/mcp"))
		b.initialize()
		line, _ := b.out.ReadString('\n')
		_ = b.in.Close()
		if code := b.ended(); code != 0 || !strings.Contains(line, `"one two"`) {
			t.Errorf("exit code %d: %s", code, line)
		}
	})
	t.Run("secret", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, func(c *devidp.Config) {
			c.Clients = []devidp.Client{{ID: "app", Secret: "s3cret", RedirectURIs: []string{"http://127.0.0.1/callback"}}}
		})
		script := `exec "$0" --client-id app --issuer "$2" --client-secret-file <(echo s3cret) "$1"`
		cmd := exec.Command(bash, "-c", script, program, h.url, h.idp.Issuer())
		cmd.Env = h.env
		b := started(t, cmd)
		b.initialize()
		// The login runs in a process that has no such pipe.
		h.approve(b.address())
		if line := b.line(); !strings.Contains(line, `"id":1,"result"`) {
			t.Error(line)
		}
		_ = b.in.Close()
		if code := b.ended(); code != 0 {
			t.Errorf("exit code %d", code)
		}
	})
	t.Run("nobody writes", func(t *testing.T) {
		t.Parallel()
		pipe := filepath.Join(t.TempDir(), "pipe")
		if err := syscall.Mkfifo(pipe, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(program, "tools", "--header-file", pipe, "http://127.0.0.1:9/mcp").CombinedOutput()
		if err == nil || !strings.Contains(string(out), "mcp-login: error: read --header-file: "+pipe+": it takes too long to end: nobody writes to it (5s)\n") {
			t.Errorf("%v: %s", err, out)
		}
	})
}
