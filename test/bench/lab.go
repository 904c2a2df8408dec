package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// lab is where the bridges are measured: a folder, the target, and how much is
// asked of them.
type lab struct {
	dir         string
	certificate string
	opener      string // folder of the program that stands in for a browser
	greeting
	size sizes

	cmd   *exec.Cmd
	in    io.WriteCloser
	homes int
}

// sizes is how much is measured in one round.
type sizes struct {
	starts        int
	calls         int // per number in flight, for programs; Node gets a third
	warm          int
	flights       []int
	large         map[int]int // how often, by MiB
	notifications int
	storms        int // times that many
	crowd         int // bridges at once
	logins        int
	settle        time.Duration // before memory is looked at
	limit         time.Duration // of one measure
}

// whole is what docs/evidence/performance.md is made with, quick what CI looks at.
var (
	whole = sizes{
		starts: 7, calls: 9000, warm: 300, flights: []int{1, 16, 64}, large: map[int]int{1: 24, 16: 4, 64: 2},
		notifications: 10_000, storms: 5, crowd: 10, logins: 3, settle: 500 * time.Millisecond, limit: 3 * time.Minute,
	}
	quick = sizes{
		starts: 1, calls: 120, warm: 6, flights: []int{1, 16, 64}, large: map[int]int{1: 1, 16: 1, 64: 1},
		notifications: 10_000, storms: 1, crowd: 3, logins: 1, settle: 10 * time.Millisecond, limit: time.Minute,
	}
)

// openLab starts the target: this program, in another role.
func openLab(dir string, size sizes) (*lab, error) {
	l := &lab{dir: dir, size: size, certificate: filepath.Join(dir, "certificate.pem"), opener: filepath.Join(dir, "opener")}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if err := makeOpener(l.opener, self); err != nil {
		return nil, err
	}
	l.cmd = exec.Command(self, roleTarget, l.certificate)
	l.cmd.Stderr = os.Stderr
	if l.in, err = l.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := l.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := l.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the target: %w", err)
	}
	if err := json.NewDecoder(out).Decode(&l.greeting); err != nil {
		return nil, fmt.Errorf("the target: %w", err)
	}
	return l, nil
}

// close ends the target.
func (l *lab) close() {
	_ = l.in.Close()
	_ = l.cmd.Wait()
}

// makeOpener makes a folder whose xdg-open is this program in the role of a
// browser.
func makeOpener(dir, self string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	script := fmt.Sprintf("#!/bin/sh\nexec '%s' %s \"$1\"\n", self, roleBrowser)
	return os.WriteFile(filepath.Join(dir, "xdg-open"), []byte(script), 0o700)
}

// runBrowser follows the redirects of a login, as a browser with a signed-in
// person does.
func runBrowser(address string) error {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return err
	}
	resp, err := (&http.Client{Jar: jar}).Get(address)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// browserEnv makes bridges open that browser.
func (l *lab) browserEnv() []string {
	return []string{
		"PATH=" + l.opener + string(os.PathListSeparator) + os.Getenv("PATH"),
		"BROWSER=" + filepath.Join(l.opener, "xdg-open"), "MCP_LOGIN_STORE=file",
	}
}

// trustEnv makes a bridge trust the target's certificate, in the way of its
// language.
func (l *lab) trustEnv(node bool) []string {
	if node {
		return []string{"NODE_EXTRA_CA_CERTS=" + l.certificate}
	}
	return []string{"SSL_CERT_FILE=" + l.certificate}
}

// home makes an empty home directory.
func (l *lab) home() (string, error) {
	l.homes++
	home := filepath.Join(l.dir, fmt.Sprintf("home%d", l.homes))
	return home, os.MkdirAll(home, 0o700)
}

// settle tells the target how to behave; its counts start anew.
func (l *lab) behave(s settings) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	resp, err := http.Post(l.Control, "application/json", bytes.NewReader(b))
	if err != nil {
		return fmt.Errorf("the target: %w", err)
	}
	return resp.Body.Close()
}

// counts asks the target what it has seen.
func (l *lab) counts() (c counts, err error) {
	resp, err := http.Get(l.Control)
	if err != nil {
		return c, fmt.Errorf("the target: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	return c, json.NewDecoder(resp.Body).Decode(&c)
}

// address returns where a way to the target is.
func (l *lab) address(w way) string {
	switch w {
	case wayEvents:
		return l.Plain + pathSSE
	case wayLegacy:
		return l.Plain + pathLegacy
	case waySecure:
		return l.Secure + pathJSON
	}
	return l.Plain + pathJSON
}

// way is how answers come.
type way string

const (
	wayJSON   way = "json"
	wayEvents way = "sse"
	wayLegacy way = "legacy"
	waySecure way = "tls"
)

// goBuild builds a package of this module as it is released, without symbols.
func goBuild(path, pkg string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", pkg, err, strings.TrimSpace(string(out)))
	}
	return nil
}
