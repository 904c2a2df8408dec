package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	mcpclient "github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"

	"mcp-login/internal/devidp"
)

// build compiles the bridge as a user would get it.
func build(ctx context.Context, folder string, errOut io.Writer) (string, error) {
	binary := filepath.Join(folder, "mcp-login")
	if runtime.GOOS == "windows" {
		binary += ".exe"
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, "mcp-login/cmd/mcp-login") //nolint:gosec // a path of our own
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stderr = errOut
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("build mcp-login: %w", err)
	}
	return binary, nil
}

// play is one client session through the bridge.
type play struct {
	ctx      context.Context
	binary   string
	state    string // where the bridge keeps what it stores
	endpoint string
	auto     bool
	say      func(format string, args ...any)
	errOut   io.Writer
}

// callWhoami starts the bridge, watches it for the login, and calls the tool.
func (p *play) callWhoami() (string, error) {
	cmd := exec.Command(p.binary, p.endpoint) //nolint:gosec,noctx // built a moment ago; it ends when its stdin does
	cmd.Env = append(os.Environ(), "MCP_LOGIN_DIR="+p.state, "MCP_LOGIN_STORE=file")
	if p.auto {
		cmd.Env = append(cmd.Env, "MCP_LOGIN_BROWSER=none")
	}
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	stderr, err3 := cmd.StderrPipe()
	if err := errors.Join(err1, err2, err3, cmd.Start()); err != nil {
		return "", fmt.Errorf("start mcp-login: %w", err)
	}
	var watching sync.WaitGroup
	watching.Go(func() { p.watch(stderr) })
	claims, err := p.talk(stdout, stdin)
	// As a client does: close stdin, and the bridge ends by itself.
	_ = stdin.Close()
	_, _ = io.Copy(io.Discard, stdout)
	watching.Wait()
	if waitErr := cmd.Wait(); err == nil && waitErr != nil {
		err = fmt.Errorf("mcp-login ended badly: %w", waitErr)
	}
	return claims, err
}

// watch reads what the bridge tells people on stderr.
func (p *play) watch(stderr io.Reader) {
	lines := bufio.NewScanner(stderr)
	address := ""
	for lines.Scan() {
		switch line := lines.Text(); {
		case strings.HasPrefix(line, "http"):
			address = line
			p.say("the server answered 401; mcp-login found the provider, registered itself and asks for a login")
			if p.auto {
				p.approve(address)
			} else {
				p.say("choose somebody on the login page in your browser, or open %s", address)
			}
		case strings.Contains(line, "no browser was opened") && !p.auto:
			p.say("no browser can be opened here, so the demo signs in by itself")
			p.approve(address)
		case strings.Contains(line, "sign in to "): // said above
		default:
			fmt.Fprintln(p.errOut, "    | "+line)
		}
	}
}

// approve plays the person. It does not wait: the last page comes only after
// the bridge has exchanged the code.
func (p *play) approve(address string) {
	p.say("login page: choosing alice")
	go func() {
		browser := &http.Client{Timeout: time.Minute}
		if _, err := devidp.Approve(p.ctx, browser, address, "alice"); err != nil {
			fmt.Fprintf(p.errOut, "    | the demo could not sign in: %v\n", err)
		}
	}()
}

// talk is the MCP session of an ordinary client library.
func (p *play) talk(stdout io.ReadCloser, stdin io.WriteCloser) (string, error) {
	c := mcpclient.NewClient(transport.NewIO(stdout, stdin, io.NopCloser(strings.NewReader(""))))
	if err := c.Start(p.ctx); err != nil {
		return "", fmt.Errorf("start the client: %w", err)
	}
	defer func() { _ = c.Close() }()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	init := mcp.InitializeRequest{}
	init.Params.ProtocolVersion = mcp.LATEST_PROTOCOL_VERSION
	init.Params.ClientInfo = mcp.Implementation{Name: "whoami-demo", Version: "1"}
	hello, err := c.Initialize(ctx, init)
	if err != nil {
		return "", fmt.Errorf("begin the session: %w", err)
	}
	p.say("signed in; session with %s (MCP %s) stands", hello.ServerInfo.Name, hello.ProtocolVersion)
	call := mcp.CallToolRequest{}
	call.Params.Name = "whoami"
	result, err := c.CallTool(ctx, call)
	if err != nil {
		return "", fmt.Errorf("call whoami: %w", err)
	}
	if result.IsError || result.StructuredContent == nil {
		return "", errors.New("whoami answered without claims")
	}
	claims, err := json.MarshalIndent(result.StructuredContent, "    ", "  ")
	if err != nil {
		return "", fmt.Errorf("read the claims: %w", err)
	}
	return "    " + string(claims), nil
}
