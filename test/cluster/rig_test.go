package cluster

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"mcp-login/test/binary"
	"mcp-login/test/issuer"
	"mcp-login/test/real"
)

func TestMain(m *testing.M) { binary.Main(m, nil) }

// replica is one process of whoami-server.
type replica struct {
	listen, ops string
	args        []string
	cmd         *exec.Cmd
	out         *binary.Output
}

func (r *replica) start(t *testing.T) {
	t.Helper()
	r.out = &binary.Output{}
	r.cmd = exec.Command(binary.Build(t, "whoami-server"), r.args...)
	r.cmd.Stderr = r.out
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the replica at %s:\n%s", r.listen, r.out)
		}
	})
	binary.Until(t, "a replica that is ready", func() bool {
		resp, err := http.Get("http://" + r.ops + "/readyz")
		if err != nil {
			return false
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK && !strings.Contains(string(body), `"bus":"down"`)
	})
}

// kill ends the replica as a crash does.
func (r *replica) kill() {
	if r.cmd != nil {
		_ = r.cmd.Process.Kill()
		_ = r.cmd.Wait()
		r.cmd = nil
	}
}

func (r *replica) metric(t *testing.T, name string) string {
	t.Helper()
	resp, err := http.Get("http://" + r.ops + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	for line := range strings.Lines(string(body)) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(rest)
		}
	}
	return "absent"
}

// cluster is two replicas with nginx before and Redis between them.
type cluster struct {
	*issuer.Issuer
	base     string // of nginx
	redis    *real.Service
	replicas []*replica
}

// newCluster is a cluster for resources at paths, or for one at /mcp.
func newCluster(t *testing.T, paths ...string) *cluster {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Setenv(real.Require, "1")
	}
	c := behindNginx(t)
	c.redis = real.Redis(t)
	resources := c.base + "/mcp"
	if len(paths) > 0 {
		resources = c.base + strings.Join(paths, " "+c.base)
	}
	for _, r := range c.replicas {
		r.args = []string{
			"--issuer", c.URL, "--resource", resources, "--listen", r.listen, "--ops-listen", r.ops,
			"--bus", "redis://" + c.redis.Address, "--stateful", "--trusted-proxy", "127.0.0.1", "--log-level", "warn",
		}
		r.start(t)
		t.Cleanup(r.kill)
	}
	return c
}

// behindNginx are two replicas that are to be started, with nginx before them.
func behindNginx(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{Issuer: issuer.Start(t)}
	config, err := os.ReadFile("../../deploy/compose/nginx.conf")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(config), "listen 8080;", "listen %s;", 1)
	for _, name := range []string{"whoami-1:3001", "whoami-2:3001"} {
		r := &replica{listen: real.FreeAddress(t), ops: real.FreeAddress(t)}
		if !strings.Contains(text, name) {
			t.Fatalf("the deployed configuration does not name %s", name)
		}
		text = strings.Replace(text, name, r.listen, 1)
		c.replicas = append(c.replicas, r)
	}
	// In the text the upstream stands before listen, so there is one %s only.
	nginx := real.Nginx(t, text)
	c.base = "http://" + nginx.Address
	return c
}

func (c *cluster) user(t *testing.T, n int) *user {
	t.Helper()
	name := fmt.Sprintf("user-%d", n)
	tr := &http.Transport{MaxIdleConnsPerHost: 32}
	t.Cleanup(tr.CloseIdleConnections)
	return &user{name: name, token: c.Token(t, name, c.base+"/mcp"), base: c.base, http: &http.Client{Transport: tr}}
}
