package hosts

import (
	"net/url"
	"os"
	"path/filepath"
	"testing"

	realpart "mcp-login/test/real"
)

// Names of entries, made from addresses people have.
func TestNamesAreMadeFromAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"https://mcp.linear.app/sse":        "linear",
		"https://mcp.atlassian.com/v1/sse":  "atlassian",
		"https://api.githubcopilot.com/mcp": "githubcopilot",
		"https://mcp.example.co.uk/":        "example",
		"https://whoami.internal:8443/mcp":  "whoami",
		"http://localhost:3000/mcp":         "localhost",
		"http://127.0.0.1:3000/mcp":         "local",
		"http://[::1]/mcp":                  "local",
		"https://mcp.com/":                  "mcp",
	} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		if got := NameOf(u); got != want {
			t.Errorf("%s: %q, want %q", address, got, want)
		}
	}
}

// A host without the person's PATH gets the place on the PATH, not the one a
// package manager moves; another program of the name is not taken for this one.
func TestOwnCommandIsTheOneThatStays(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	link := filepath.Join(dir, "mcp-login")
	if err := os.Symlink(self, link); err != nil {
		realpart.Missing(t, "symbolic links: "+err.Error(), "run it as a user who may make them")
	}
	t.Setenv("PATH", dir)
	for inherits, want := range map[bool]string{true: "mcp-login", false: link} {
		if got, err := (Host{InheritsPath: inherits}).OwnCommand(); err != nil || got != want {
			t.Errorf("PATH inherited %v: %q, %v", inherits, got, err)
		}
	}
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(link, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, inherits := range []bool{true, false} {
		if got, err := (Host{InheritsPath: inherits}).OwnCommand(); err != nil || got != self {
			t.Errorf("another mcp-login: %q, %v", got, err)
		}
	}
}
