package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"mcp-login/internal/hint"
)

// endTimeout is how long something that is told to end may take.
const endTimeout = 5 * time.Second

// program is mcp-login as it was built for the demo.
type program struct {
	path string
	env  []string
}

// build compiles mcp-login into folder, as go install does for a user. What the go
// command writes beside goes there as well, so that it is removed even if that one is
// killed, as it is on Windows.
func build(ctx context.Context, folder string, errOut io.Writer) (program, error) {
	p := program{path: filepath.Join(folder, "mcp-login")}
	if runtime.GOOS == "windows" {
		p.path += ".exe"
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", p.path, "mcp-login/cmd/mcp-login") //nolint:gosec // a path of our own
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOTMPDIR="+folder)
	cmd.Stdout, cmd.Stderr = errOut, errOut
	cmd.Cancel = func() error { return interrupt(cmd) }
	cmd.WaitDelay = endTimeout
	inOwnGroup(cmd)
	switch err := cmd.Run(); {
	case ctx.Err() != nil:
		return p, context.Cause(ctx)
	case errors.Is(err, exec.ErrNotFound):
		return p, hint.With(fmt.Errorf("build mcp-login: %w", err), "put the go command into PATH")
	case err != nil:
		return p, hint.With(fmt.Errorf("build mcp-login: %w", err), "run the demo in a clone of the repository: go run ./examples/whoami")
	}
	return p, nil
}

// personal are the variables of mcp-login that say how a person's browser is opened.
// All others could make the demo something else.
var personal = []string{"MCP_LOGIN_BROWSER", "MCP_LOGIN_NO_BROWSER", "MCP_LOGIN_DUMPABLE"}

// environment is that of mcp-login: it keeps everything in folder, and a sign-in ends
// with the bridge that asks for it. With auto it opens no browser.
func environment(folder string, auto bool) (env []string) {
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		own := strings.HasPrefix(strings.ToUpper(name), "MCP_LOGIN_")
		for _, kept := range personal {
			own = own && !strings.EqualFold(name, kept)
		}
		if !own {
			env = append(env, variable)
		}
	}
	env = append(env, "MCP_LOGIN_DIR="+filepath.Join(folder, "state"), "MCP_LOGIN_STORE=file", "MCP_LOGIN_NO_DETACH=1")
	if auto {
		env = append(env, "MCP_LOGIN_BROWSER=none")
	}
	return env
}

// command is mcp-login with arguments, until ctx ends. It gets no signal of the terminal:
// the demo ends it. Each line on its stderr goes to hear.
func (p program) command(ctx context.Context, hear func(line string), args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, p.path, args...) //nolint:gosec // built a moment ago
	cmd.Env = p.env
	cmd.Stderr = &lineWriter{line: hear}
	cmd.Cancel = func() error { return interrupt(cmd) }
	cmd.WaitDelay = endTimeout // and for its stderr, which a browser may have inherited
	inOwnGroup(cmd)
	return cmd
}

// run runs a verb of mcp-login and returns the lines of its result. If it fails its notes
// are with them.
func (p program) run(ctx context.Context, args ...string) (lines []string, err error) {
	var notes []string
	cmd := p.command(ctx, func(line string) { notes = append(notes, line) }, args...)
	cmd.Stdout = &lineWriter{line: func(line string) { lines = append(lines, line) }}
	if err := cmd.Run(); err != nil {
		return append(lines, notes...), errors.Join(context.Cause(ctx), fmt.Errorf("mcp-login %s: %w", args[0], err))
	}
	return lines, nil
}

// maxLine bounds a line of a lineWriter in bytes; the rest of it is dropped.
const maxLine = 64 << 10

// lineWriter calls line for each line written to it.
type lineWriter struct {
	line func(string)
	rest []byte
}

func (w *lineWriter) Write(p []byte) (int, error) {
	for text := range bytes.Lines(p) {
		if len(w.rest) < maxLine {
			w.rest = append(w.rest, text...)
		}
		if bytes.HasSuffix(text, []byte("\n")) {
			w.line(strings.TrimRight(string(w.rest), "\r\n"))
			w.rest = w.rest[:0]
		}
	}
	return len(p), nil
}

// remove removes a folder. Programs that were killed a moment ago may still write there,
// and on Windows nothing can be removed that somebody has open.
func remove(folder string) (err error) {
	for end := time.Now().Add(endTimeout); ; time.Sleep(50 * time.Millisecond) {
		if err = os.RemoveAll(folder); err == nil || time.Now().After(end) {
			return err
		}
	}
}
