package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"mcp-login/test/bench/kernel"
)

// Names of what stands in front of the same server.
const (
	nameDirect       = "direct"
	nameReverseProxy = "ReverseProxy"
	nameGateway      = "gateway"
	nameAssertion    = "gateway, assertion"
	nameOAuth2Proxy  = "oauth2-proxy"
)

const (
	versionOAuth2Proxy = "v7.15.6"
	gatewayStreams     = 1000
	// floorSubject is what the server behind answers everybody.
	floorSubject = "floor"
)

// gatewayLoads are how many connections call at once.
var gatewayLoads = []int{1, 32, 256}

var listening = regexp.MustCompile(`(?i)listening on:? (?:http://)?([0-9.]+:[0-9]+)`)

// gatewaySubjects are what is compared, in front of the server at upstream.
func (l *lab) gatewaySubjects(upstream string) []*subject {
	ours := []string{
		l.program(), "--issuer", l.provider.Issuer(), "--resource", resource, "--upstream", "http://" + upstream + "/mcp",
		"--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", "--tool-scope", "whoami=" + toolScope,
	}
	list := []*subject{
		{name: nameReverseProxy, command: []string{l.floor(), "http://" + upstream}},
		{name: nameGateway, command: ours},
		{name: nameAssertion, command: append(slices.Clip(ours), "--assertion-header", "X-Assertion")},
	}
	if l.oauth2Proxy != "" {
		list = append(list, &subject{name: nameOAuth2Proxy, command: []string{
			l.oauth2Proxy, "--provider=oidc", "--oidc-issuer-url=" + l.provider.Issuer(), "--client-id=" + resource, "--client-secret=none",
			"--cookie-secret=0123456789abcdef0123456789abcdef", "--email-domain=*", "--oidc-email-claim=sub",
			"--skip-jwt-bearer-tokens=true", "--bearer-token-login-fallback=false", "--redirect-url=http://127.0.0.1/oauth2/callback",
			"--upstream=http://" + upstream + "/", "--http-address=" + l.oauth2Address,
		}, ready: regexp.MustCompile("(Cookie settings)"), address: l.oauth2Address, peer: true})
	}
	for _, s := range list {
		s.kind, s.path, s.behind = kindJWT, "/mcp", true
		if s.ready == nil {
			s.ready = listening
		}
	}
	return list
}

// toolScope is what the tool needs, and every token has.
const toolScope = "tools:call"

// freeAddress is one where nobody listens.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func (l *lab) floor() string { return l.program() + "-floor" }

// buildFloor builds the server behind, and oauth2-proxy if that is wished.
func (l *lab) buildFloor(ctx context.Context, peers bool) error {
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", l.floor(), "mcp-login/test/bench/servers/floor")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the server behind: %w\n%s", err, out)
	}
	if !peers || l.oauth2Proxy != "" {
		return nil
	}
	install := exec.CommandContext(ctx, "go", "install", "github.com/oauth2-proxy/oauth2-proxy/v7@"+versionOAuth2Proxy)
	install.Env = append(os.Environ(), "CGO_ENABLED=0", "GOBIN="+l.dir)
	if out, err := install.CombinedOutput(); err != nil {
		return fmt.Errorf("install oauth2-proxy: %w\n%s", err, out)
	}
	l.oauth2Proxy = filepath.Join(l.dir, nameOAuth2Proxy)
	return nil
}

// surveyGateway measures all of them, round by round and A B C, A B C within a round.
func surveyGateway(ctx context.Context, l *lab, rounds int, progress io.Writer) (v values, commands [][]string, err error) {
	behind := &subject{name: nameDirect, kind: kindJWT, path: "/mcp", behind: true, command: []string{l.floor(), "--beat", l.size.beat.String()}, ready: listening}
	server, err := start(ctx, behind)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, server.close()) }()
	v = values{}
	for round := range rounds {
		_, _ = fmt.Fprintf(progress, "round %d of %d\n", round+1, rounds)
		if err := l.gatewayRound(ctx, behind, server, v); err != nil {
			return nil, nil, err
		}
	}
	for _, s := range append([]*subject{behind}, l.gatewaySubjects(server.address)...) {
		_, _ = fmt.Fprintf(progress, "%d streams: %s\n", l.size.streams, s.name)
		f, err := measureStreams(ctx, l, transportStreamable, s)
		if err != nil {
			return nil, nil, err
		}
		v.add(s.name, f)
		commands = append(commands, s.command)
	}
	return v, commands, nil
}

// gatewayRound measures the calls of one round.
func (l *lab) gatewayRound(ctx context.Context, behind *subject, server *process, v values) (err error) {
	subjects, running := []*subject{behind}, []*process{server}
	defer func() {
		for _, p := range running[1:] {
			err = errors.Join(err, p.close())
		}
	}()
	for _, s := range l.gatewaySubjects(server.address) {
		p, err := start(ctx, s)
		if err != nil {
			return err
		}
		subjects, running = append(subjects, s), append(running, p)
	}
	for _, n := range gatewayLoads {
		for k, s := range subjects {
			f, err := l.measureGateway(ctx, s, running[k], n)
			if err != nil {
				return fmt.Errorf("%s, %d connections: %w: %s", s.name, n, err, running[k].tail())
			}
			v.add(s.name, f)
		}
	}
	return nil
}

// measureGateway calls through one process by n connections.
func (l *lab) measureGateway(ctx context.Context, s *subject, p *process, n int) (figures, error) {
	calls := max(4, l.calls(s)*l.size.connections/max(n, l.size.connections/8))
	if _, err := l.load(ctx, p, s, n, max(2, calls/10)); err != nil {
		return nil, err
	}
	kernel.ForgetPeak(p.pid())
	var used time.Duration
	var from time.Time
	took, err := l.load(ctx, p, s, n, calls, func() { used, from = kernel.CPUTime(p.pid()), time.Now() })
	if err != nil {
		return nil, err
	}
	span := time.Since(from)
	slices.Sort(took)
	key := fmt.Sprintf("%d.", n)
	f := figures{
		key + "rate": float64(len(took)) / span.Seconds(), key + "p50": milliseconds(took[len(took)/2]), key + "p99": milliseconds(took[len(took)*99/100]),
	}
	if kernel.Tells {
		f[key+"cpu"] = (kernel.CPUTime(p.pid()) - used).Seconds() / float64(len(took)) * 1e6
		f[key+"peak"] = mebibytes(kernel.MemoryOf(p.pid()).Peak)
	}
	return f, nil
}
