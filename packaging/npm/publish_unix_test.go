//go:build unix

package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"mcp-login/test/real"
)

// A registry that cannot say what it has gets nothing: an older version would become the
// latest. One that says it has nothing gets the package.
func TestNothingIsPublishedDuringAnOutage(t *testing.T) {
	real.Program(t, "npm", "apt-get install npm")
	dist := t.TempDir()
	folder := filepath.Join(dist, "npm", "cli-x")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(folder, filepath.Join(dist, "npm", "mcp-login")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "package.json"), []byte(`{"name":"outage-x","version":"0.8.0"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	script, err := filepath.Abs("../publish-npm")
	if err != nil {
		t.Fatal(err)
	}
	for status, published := range map[int]bool{http.StatusInternalServerError: false, http.StatusNotFound: true} {
		var puts atomic.Int32
		registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPut {
				puts.Add(1)
				w.WriteHeader(http.StatusCreated)
				return
			}
			w.WriteHeader(status)
		}))
		cmd := exec.CommandContext(t.Context(), script, dist)
		cmd.Env = append(os.Environ(), "npm_config_registry="+registry.URL, "npm_config_cache="+t.TempDir(), "npm_config_update_notifier=false",
			"npm_config_"+strings.TrimPrefix(registry.URL, "http:")+"/:_authToken=none", "HOME="+t.TempDir())
		out, err := cmd.CombinedOutput()
		registry.Close()
		if (err == nil) != published || (puts.Load() > 0) != published || !published && !strings.Contains(string(out), "E500") {
			t.Errorf("%d: %v, %d published\n%s", status, err, puts.Load(), out)
		}
	}
}
