//go:build unix

package doctor

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"mcp-login/internal/hosts"
	"mcp-login/internal/store"
)

// A program that only has our name is asked within bounds: of what it prints little is read,
// and what it has started ends with it.
func TestCopiesAreAskedWithinBounds(t *testing.T) {
	for name, script := range map[string]string{
		"endless": "exec yes aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 3>$HOME/alive",
		"parent":  "sleep 77 3>$HOME/alive",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			alive := filepath.Join(dir, "alive")
			if err := syscall.Mkfifo(alive, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "mcp-login"), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { // reads until nobody has the pipe open any more
				f, err := os.Open(alive)
				if err == nil {
					_ = f.SetReadDeadline(time.Now().Add(30 * time.Second))
					_, err = io.Copy(io.Discard, f)
				}
				ended <- err
			}()
			x := examination{Subject: Subject{Program: hosts.Program{Path: "/opt/mcp-login", Version: "1"}, Getenv: func(name string) string {
				return map[string]string{"HOME": dir, "PATH": dir + ":/usr/bin:/bin"}[name]
			}}}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			others, differ := x.copies(t.Context())
			runtime.ReadMemStats(&after)
			if len(others) == 0 || !strings.HasSuffix(others[0], "(it does not say its version)") || !differ {
				t.Errorf("%q", others)
			}
			if read := after.TotalAlloc - before.TotalAlloc; read > 16<<20 {
				t.Errorf("%d MiB for its answer", read>>20)
			}
			if err := <-ended; err != nil {
				t.Errorf("it lives on: %v", err)
			}
		})
	}
}

// What is written into an entry is known as ours the next time, and stays well.
func TestOnlyACommandThatLastsIsWritten(t *testing.T) {
	t.Setenv("TMPDIR", "/a/tmp")
	for start, want := range map[string]bool{"npx -y mcp-login@1.0.0": true, "cmd /c npx -y mcp-login": true, "npx -y other": false, "mcp-login": true, "/opt/mcp-login": true, "/opt/foo": false, "foo": false, "/a/tmp/mcp-login": false, "/x/_npx/1/mcp-login": false} {
		if lasts(strings.Fields(start)) != want {
			t.Errorf("%s: %v", start, !want)
		}
	}
}

// The entries of projects are told apart, and those that start one program are one change.
func TestEntriesOfProjectsAreToldApart(t *testing.T) {
	home := t.TempDir()
	t.Setenv("TMPDIR", filepath.Join(home, "tmp"))
	bin := filepath.Join(home, "bin")
	self, err := os.Executable()
	if err != nil || os.Mkdir(bin, 0o700) != nil || os.Symlink(self, filepath.Join(bin, "mcp-login")) != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin)
	const entry = `{"mcpServers":{"x":{"command":"/gone/mcp-login","args":["https://a.example/mcp"]}}}`
	if err := os.WriteFile(filepath.Join(home, ".claude.json"), []byte(`{"projects":{"/p/one":`+entry+`,"/p/two":`+entry+`}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	getenv := func(name string) string {
		return map[string]string{"HOME": home, "XDG_CONFIG_HOME": home, "PATH": bin}[name]
	}
	program := hosts.Program{Path: self}
	x := examination{Subject: Subject{Program: program, Getenv: getenv}}
	if f := x.clients(t.Context()); !strings.Contains(f.Detail, "x (/p/one): ") || !strings.Contains(f.Detail, "x (/p/two): ") || f.Next != "run: mcp-login doctor --fix" {
		t.Errorf("%+v", f)
	}
	st, err := store.Open(store.Options{Kind: store.KindMemory})
	if err != nil {
		t.Fatal(err)
	}
	all, err := Repairs(t.Context(), st, program, getenv, nil)
	if err != nil || len(all) != 1 || strings.Count(all[0].Change, "- /gone/mcp-login") != 1 || !strings.Contains(all[0].Change, "2 entries, the first x (/p/one):") {
		t.Errorf("%+v, %v", all, err)
	}
	for i, want := range []string{"the old file is ", "another program has made this change"} { // of two at once
		if said, _, err := all[0].Apply(t.Context()); err != nil || !strings.HasPrefix(said, want) {
			t.Errorf("%d: %s, %v", i, said, err)
		}
	}
	if err := os.WriteFile(filepath.Join(home, ".claude.json"), []byte(entry), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", "") // and so the test's own program, which is not called mcp-login
	if f := x.clients(t.Context()); f.Next != "install it: mcp-login help install" {
		t.Errorf("%+v", f)
	}
}
