package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"mcp-login/internal/account"
	"mcp-login/internal/foreign"
	"mcp-login/internal/mcpremote"
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

	logsMu sync.Mutex          // status proves several logins at once
	logs   []*foreign.LogLimit // what they left out is said at the end
}

// run executes one command line and returns the exit code.
func (a *app) run(ctx context.Context, args []string) int {
	given := args
	args, err := a.translate(args)
	if err != nil {
		a.term.Error(usageError{err})
		a.answerUnstarted(ctx, given, exitUsage, err)
		return exitUsage
	}
	a.args = args
	if len(args) > 0 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd) { // cobra prints its own errors, past a.term
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
		err = errInterrupted // other errors are its consequence
	}
	if err != nil {
		a.term.Error(err)
		a.reportJSON(cmd, err, code)
		a.answerUnstarted(ctx, args, code, err)
	}
	return code
}

// translate turns the command line of a bridge into our own words: one of
// mcp-remote's works as well. A verb stands first, and is left alone.
func (a *app) translate(args []string) ([]string, error) {
	if !mayBeMCPRemote(args) {
		return args, nil
	}
	return mcpremote.Translate(args, mcpremote.Environment{Getenv: a.getenv, ReadFile: readFlagFile})
}

// mayBeMCPRemote reports whether a command line begins with a flag or a URL.
func mayBeMCPRemote(args []string) bool {
	return len(args) > 0 && (strings.HasPrefix(args[0], "-") || strings.Contains(args[0], "://"))
}

// logger writes to stderr from the level asked for.
func (a *app) logger(level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, usageError{fmt.Errorf("log level %q is none of debug, info, warn, error", level)}
	}
	limit := foreign.NewLogLimit(slog.NewTextHandler(a.term.Err(), &slog.HandlerOptions{Level: l}))
	a.logsMu.Lock()
	defer a.logsMu.Unlock()
	a.logs = append(a.logs, limit)
	log := slog.New(limit)
	if said := toolchain.Outdated(); said != "" && len(a.logs) == 1 {
		log.Debug("this program is outdated", "reason", said)
	}
	return log, nil
}
