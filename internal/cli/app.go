package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"mcp-login/internal/account"
	"mcp-login/internal/bridge/upstream"
	"mcp-login/internal/foreign"
	"mcp-login/internal/mcpremote"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/terminal"
	"mcp-login/internal/toolchain"
)

// app is the process as the verbs see it. Tests hand in buffers.
type app struct {
	in     io.Reader
	term   *terminal.Terminal // stdout and stderr
	getenv func(string) string
	lines  func() <-chan string // of in, for all that read it by lines

	env      *environment      // where getenv is from, nil in tests
	args     []string          // of this run
	verb     string            // of this run, "" for a bridge
	handover *account.Handover // what a detached login is to do, else nil

	logs []*foreign.LogLimit // what they left out is said at the end
}

// run executes one command line and returns the exit code.
func (a *app) run(ctx context.Context, args []string) int {
	given := args
	args, err := a.native(args)
	if err != nil {
		a.term.Error(usageError{err})
		a.unstarted(ctx, given, exitUsage, err)
		return exitUsage
	}
	a.args = args
	if len(args) > 0 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd) { // whose complaints pass a.term by
		for i := range args {
			args[i] = foreign.Line(args[i])
		}
	}
	build := newRoot
	if plainBridge(args) {
		build = newBridge
	}
	root := build(a)
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.term.Out())
	root.SetErr(a.term.Err())
	cmd, err := root.ExecuteContextC(ctx)
	a.term.Clear()
	for _, log := range a.logs {
		log.Close()
	}
	code := exitCode(ctx, err)
	if code == exitInterrupted {
		err = errInterrupted // whatever else it was in the middle of
	}
	if err != nil {
		a.term.Error(err)
		a.reportJSON(cmd, err, code)
		a.unstarted(ctx, args, code, err)
	}
	return code
}

// native turns the command line of a bridge into our own words: one of
// mcp-remote's works as well. A verb stands first, and is left alone.
func (a *app) native(args []string) ([]string, error) {
	if !mayBeMCPRemote(args) {
		return args, nil
	}
	return mcpremote.Translate(args, mcpremote.Environment{Getenv: a.getenv, ReadFile: readGiven})
}

// mayBeMCPRemote reports whether a command line begins with a flag or a URL.
func mayBeMCPRemote(args []string) bool {
	return len(args) > 0 && (strings.HasPrefix(args[0], "-") || strings.Contains(args[0], "://"))
}

// Exit codes, documented in docs/exit-codes.md.
const (
	exitOK          = 0
	exitFailure     = 1
	exitUsage       = 2
	exitUnreachable = 3
	exitLogin       = 4
	exitStore       = 5
	exitInterrupted = 130
)

// errInterrupted is what is said of a verb that was told to stop.
var errInterrupted = errors.New("interrupted")

// usageError is a command line that makes no sense.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// exitCode is the one place that turns an error into a number.
func exitCode(ctx context.Context, err error) int {
	var usage usageError
	var store storeError
	var remote *upstream.Error
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &usage), errors.Is(err, account.ErrNoHandover):
		return exitUsage
	case ctx.Err() != nil:
		return exitInterrupted
	case errors.As(err, &store):
		return exitStore
	case errors.Is(err, oauth.ErrLoginRequired), errors.Is(err, oauth.ErrDenied), errors.Is(err, oauth.ErrLoginTimeout), errors.Is(err, oauth.ErrNotFound):
		return exitLogin
	case errors.Is(err, discovery.ErrUnavailable), errors.As(err, &remote) && remote.Reason == upstream.Unreachable:
		return exitUnreachable
	}
	return exitFailure
}

// logger writes to stderr from the level asked for.
func (a *app) logger(level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, usageError{fmt.Errorf("log level %q is none of debug, info, warn, error", level)}
	}
	limit := foreign.NewLogLimit(slog.NewTextHandler(a.term.Err(), &slog.HandlerOptions{Level: l}))
	a.logs = append(a.logs, limit)
	log := slog.New(limit)
	if said := toolchain.Outdated(); said != "" && len(a.logs) == 1 {
		log.Debug("this program is outdated", "reason", said)
	}
	return log, nil
}
