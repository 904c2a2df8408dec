package cluster

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
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
		return resp.StatusCode == http.StatusOK && (!slices.Contains(r.args, "--bus") || strings.Contains(string(body), `"bus":"up"`))
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

func (r *replica) metrics(t *testing.T) string {
	t.Helper()
	resp, err := http.Get("http://" + r.ops + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func (r *replica) metric(t *testing.T, name string) string {
	t.Helper()
	for line := range strings.Lines(r.metrics(t)) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(rest)
		}
	}
	return "absent"
}

// cluster is two replicas with a balancer before and for whoami Redis between them.
type cluster struct {
	*issuer.Issuer
	base     string // of the balancer
	redis    *real.Service
	replicas []*replica
}

// balancer starts what stands before the replicas.
type balancer func(t *testing.T, replicas []*replica) *real.Service

// newCluster is a cluster for resources at paths, or for one at /mcp, behind nginx.
func newCluster(t *testing.T, paths ...string) *cluster {
	t.Helper()
	return newClusterBehind(t, nginx, paths...)
}

func newClusterBehind(t *testing.T, before balancer, paths ...string) *cluster {
	t.Helper()
	c := behind(t, before)
	c.redis = real.Redis(t)
	resources := c.base + "/mcp"
	if len(paths) > 0 {
		resources = c.base + strings.Join(paths, " "+c.base)
	}
	c.start(t, resources, "--bus", "redis://"+c.redis.Address, "--stateful")
	return c
}

// behind are two replicas that are to be started, with a balancer before them.
func behind(t *testing.T, before balancer) *cluster {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Setenv(real.Require, "1")
	}
	c := &cluster{Issuer: issuer.Start(t)}
	for range 2 {
		c.replicas = append(c.replicas, &replica{listen: real.FreeAddress(t), ops: real.FreeAddress(t)})
	}
	c.base = "http://" + before(t, c.replicas).Address
	return c
}

// start starts the replicas with further options.
func (c *cluster) start(t *testing.T, resources string, options ...string) {
	t.Helper()
	for _, r := range c.replicas {
		r.args = append([]string{
			"--issuer", c.URL, "--resource", resources, "--listen", r.listen, "--ops-listen", r.ops,
			"--trusted-proxy", "127.0.0.1", "--log-level", "warn", "--drain-delay", "3s",
		}, options...)
		r.start(t)
		t.Cleanup(r.kill)
	}
	for _, r := range c.replicas {
		binary.Until(t, "a balancer that has seen the replica", func() bool {
			resp, err := http.Get(c.base + "/healthz")
			if err != nil {
				return false
			}
			_ = resp.Body.Close()
			return strings.Contains(r.metrics(t), `route="healthz"`)
		})
	}
}

// nginx notices by an error that a replica is gone.
func nginx(t *testing.T, replicas []*replica) *real.Service {
	t.Helper()
	// In the text the upstream stands before listen, so there is one %s only.
	return real.Nginx(t, deployed(t, "compose/nginx.conf", replicas, "listen 8080;", "listen %s;"))
}

// caddy asks the replicas whether they are ready, at a port that all of them have.
func caddy(t *testing.T, replicas []*replica) *real.Service {
	t.Helper()
	first, second := replicas[0], replicas[1]
	second.listen, second.ops = otherHost(first.listen), otherHost(first.ops)
	_, port, _ := net.SplitHostPort(first.ops)
	return real.Caddy(t, deployed(t, "caddy/Caddyfile", replicas, "mcp.example.com {", ":%s {", "health_port 9464", "health_port "+port))
}

// otherHost is the same port of another loopback address.
func otherHost(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return net.JoinHostPort("127.0.0.2", port)
}

// deployed is a configuration in deploy/ for the replicas of the test, with words replaced.
func deployed(t *testing.T, name string, replicas []*replica, words ...string) string {
	t.Helper()
	config, err := os.ReadFile("../../deploy/" + name)
	if err != nil {
		t.Fatal(err)
	}
	words = append(words, "whoami-1:3001", replicas[0].listen, "whoami-2:3001", replicas[1].listen)
	for k := 0; k < len(words); k += 2 {
		if strings.Count(string(config), words[k]) != 1 {
			t.Fatalf("%s does not name %s once", name, words[k])
		}
	}
	return strings.NewReplacer(words...).Replace(string(config))
}

func (c *cluster) user(t *testing.T, n int) *user {
	t.Helper()
	name := fmt.Sprintf("user-%d", n)
	tr := &http.Transport{MaxIdleConnsPerHost: 32}
	t.Cleanup(tr.CloseIdleConnections)
	return &user{name: name, token: c.Token(t, name, c.base+"/mcp"), base: c.base, http: &http.Client{Transport: tr}}
}
