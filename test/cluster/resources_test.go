package cluster

import (
	"errors"
	"testing"
)

// Two resources in each of two processes over one Redis: sessions and streams of each work
// at both replicas, and a session of one is nothing to the other, even for its owner.
func TestTwoResources(t *testing.T) {
	c := newCluster(t, "/a/mcp", "/b/mcp")
	at := func(r *replica, path string) *user {
		return &user{name: "user-0", token: c.Token(t, "user-0", c.base+path+"/mcp"), base: "http://" + r.listen + path, http: c.user(t, 0).http}
	}
	first, second := c.replicas[0], c.replicas[1]
	sessions := map[string]*stateful{}
	for n, path := range []string{"/a", "/b"} {
		s := &stateful{user: at(first, path)}
		if err := s.restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		sessions[path] = s
		elsewhere := &stateful{user: at(second, path), session: s.session}
		if err := elsewhere.call(t.Context(), 10*n+1); err != nil {
			t.Errorf("%s, session at the other replica: %v", path, err)
		}
		stream := &stream{user: at(first, path)}
		if err := stream.restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		stream.base = "http://" + second.listen // where its messages go from now on
		if err := stream.call(t.Context(), 10*n+2); err != nil {
			t.Errorf("%s, message at the other replica: %v", path, err)
		}
		stream.close()
		if got := second.metric(t, `whoami_forwarded_total{outcome="accepted",resource="`+c.base+path+`/mcp"}`); got != "1" {
			t.Errorf("%s: %s messages handed over", path, got)
		}
		if got := second.metric(t, `whoami_bus_up{resource="`+c.base+path+`/mcp"}`); got != "1" {
			t.Errorf("%s: bus %s", path, got)
		}
	}
	for mine, other := range map[string]string{"/a": "/b", "/b": "/a"} {
		for _, r := range c.replicas {
			stolen := &stateful{user: at(r, mine), session: sessions[other].session}
			if err := stolen.call(t.Context(), 99); !errors.Is(err, errNoSession) {
				t.Errorf("session of %s at %s: %v", other, mine, err)
			}
		}
	}
}
