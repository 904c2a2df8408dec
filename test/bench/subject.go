package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// subject is one thing to measure.
type subject struct {
	name    string
	what    string
	command []string // {url} stands for the server; nil is no process
	// legacy is the command for the transport of 2024-11-05, where it differs.
	legacy []string
	ways   []way
	login  bool // it can sign in
	slow   bool // it runs on Node.js, and gets fewer calls
	remote bool // it goes to a server at all
}

// Names of those that are always there.
const (
	ours   = "mcp-login"
	floor  = "floor"
	pipe   = "pipe"
	noneAt = "direct"
)

var allWays = []way{wayJSON, wayEvents, wayLegacy, waySecure}

// open starts a session of the subject over one of its ways.
func (s *subject) open(l *lab, w way, home string, env ...string) (session, error) {
	if s.command == nil {
		return newDirect(l.address(w), l.certificate)
	}
	command := s.command
	if w == wayLegacy && s.legacy != nil {
		command = s.legacy
	}
	args := make([]string, len(command))
	for i, arg := range command {
		args[i] = strings.ReplaceAll(arg, "{url}", l.address(w))
	}
	if w == waySecure {
		env = append(slices.Clip(env), l.trustEnv(s.slow)...)
	}
	return start(args, home, env...)
}

// fresh is open with an empty home.
func (s *subject) fresh(l *lab, w way, env ...string) (session, error) {
	home, err := l.home()
	if err != nil {
		return nil, err
	}
	return s.open(l, w, home, env...)
}

// builtIn builds mcp-login and the floors into dir.
func builtIn(dir string) ([]*subject, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	paths := map[string]string{}
	for name, pkg := range map[string]string{ours: "mcp-login/cmd/mcp-login", floor: "mcp-login/test/bench/floor"} {
		paths[name] = filepath.Join(dir, name)
		if runtime.GOOS == "windows" {
			paths[name] += ".exe"
		}
		if err := goBuild(paths[name], pkg); err != nil {
			return nil, err
		}
	}
	return []*subject{
		{name: ours, what: "this project", command: []string{paths[ours], "{url}"}, ways: allWays, login: true, remote: true},
		{name: floor, what: "a bare relay on net/http, 200 lines, no login, no checks", command: []string{paths[floor], "{url}"}, ways: []way{wayJSON, wayEvents, waySecure}, remote: true},
		{name: pipe, what: "a process that answers by itself, without HTTP", command: []string{self, roleEcho}, ways: []way{wayJSON}},
		{name: noneAt, what: "the driver's own HTTP client, without a bridge", ways: []way{wayJSON, wayEvents, waySecure}, remote: true},
	}, nil
}

// given reads a subject from a flag of the form name=command with {url}.
func given(value string) (*subject, error) {
	name, command, ok := strings.Cut(value, "=")
	words := strings.Fields(command)
	if !ok || len(words) == 0 || name == "" {
		return nil, fmt.Errorf("--bridge %q is not of the form name=command", value)
	}
	path, err := exec.LookPath(words[0])
	if err != nil {
		return nil, err
	}
	if words[0], err = filepath.Abs(path); err != nil {
		return nil, err
	}
	s := &subject{name: name, what: "given by --bridge", command: words, ways: allWays, login: true, remote: true}
	if !slices.Contains(words, "{url}") {
		return nil, errors.New("the command of --bridge has no word {url}")
	}
	return s, nil
}

// The npm bridges that --peers compares with, and their versions.
const (
	peerRemote, peerRemoteVersion   = "mcp-remote", "0.15.1"
	peerGateway, peerGatewayVersion = "supergateway", "4.0.0"
)

// peers installs the npm bridges into dir. They are started without npx, which
// would add a process and half a second.
func peers(dir, node string) ([]*subject, error) {
	if node == "" {
		var err error
		if node, err = exec.LookPath("node"); err != nil {
			return nil, fmt.Errorf("--peers needs Node.js: %w", err)
		}
	}
	node, err := filepath.Abs(node) // bridges run in homes of their own
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("npm", "install", "--prefix", dir, "--no-fund", "--no-audit", "--loglevel=error",
		peerRemote+"@"+peerRemoteVersion, peerGateway+"@"+peerGatewayVersion)
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("npm install: %w\n%s", err, out)
	}
	version, err := exec.Command(node, "--version").Output()
	if err != nil {
		return nil, fmt.Errorf("node --version: %w", err)
	}
	on := ", Node " + strings.TrimSpace(string(version))
	modules := filepath.Join(dir, "node_modules")
	remote := []string{node, filepath.Join(modules, peerRemote, "dist", "proxy.js"), "{url}"}
	gateway := []string{node, filepath.Join(modules, peerGateway, "dist", "index.js"), "--logLevel", "none"}
	return []*subject{
		{name: peerRemote, what: "npm " + peerRemoteVersion + on, command: remote, legacy: append(slices.Clone(remote), "--transport", "sse-only"), ways: allWays, login: true, slow: true, remote: true},
		{name: peerGateway, what: "npm " + peerGatewayVersion + on, command: append(slices.Clone(gateway), "--streamableHttp", "{url}"), legacy: append(slices.Clone(gateway), "--sse", "{url}"), ways: allWays, slow: true, remote: true},
	}, nil
}
