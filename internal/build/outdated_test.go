package build

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOutdatedBeforeTheFixedRelease(t *testing.T) {
	for built, want := range map[string]bool{
		"go1.26.8": true, "go1.26.0": true, "go1.25.99": true, "go1.26.8 X:nodwarf5": true, "go1.26rc1": true,
		"go1.26.9": false, "go1.26.10": false, "go1.27rc1": false, "go1.27.0": false, "devel go1.28-abcdef Thu Jan 1 2026": false, "": false,
	} {
		if got := outdated(built); (got != "") != want {
			t.Errorf("%q: %q", built, got)
		}
	}
}

// Who has a program of a package updates it; who has built it builds it again.
func TestAnOldGoIsMendedByTheChannel(t *testing.T) {
	for channel, want := range map[Channel]string{Source: "build it with " + Fixed, Go: "build it with " + Fixed, NPM: "npm install --global mcp-login@latest", Deb: "sudo apt install"} {
		if got := channel.Rebuilt(""); !strings.Contains(got, want) || strings.Contains(got, "build it") != (channel == Source || channel == Go) {
			t.Errorf("%s: %s", channel, got)
		}
	}
}

// go.mod asks for the same release, and lets an older one build the program where
// nothing else is at hand (GOTOOLCHAIN=local).
func TestModuleAsksForIt(t *testing.T) {
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"\ngo 1.26.0\n", "\ntoolchain " + Fixed + "\n"} {
		if !strings.Contains(string(mod), line) {
			t.Errorf("go.mod has no line %q", strings.TrimSpace(line))
		}
	}
}

// What CI and releases build with is that release: in the workflows, and in the
// image.
func TestBuildsUseIt(t *testing.T) {
	files, err := filepath.Glob("../../.github/workflows/*.yml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	number := strings.TrimPrefix(Fixed, "go")
	for _, file := range append(files, "../../deploy/Dockerfile", "../../deploy/mcp-login.Dockerfile") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		uses := strings.Count(string(text), "actions/setup-go@") + strings.Count(string(text), "FROM golang:")
		if n := strings.Count(string(text), `go-version: "`+number+`"`) + strings.Count(string(text), "FROM golang:"+number); n != uses {
			t.Errorf("%s: %d of %d builds use %s", file, n, uses, Fixed)
		}
	}
}
