package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mcp-login/internal/account"
	"mcp-login/internal/build"
	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
	"mcp-login/internal/hosts"
	"mcp-login/internal/mcpremote"
	"mcp-login/internal/terminal"
)

// app is the process as the verbs see it. Tests hand in buffers.
type app struct {
	version string // of the program
	linked  string // the version that was linked in, "" for none
	in      io.Reader
	term    *terminal.Terminal // stdout and stderr
	getenv  func(string) string
	lines   func() <-chan string // of in, for all that read it by lines

	env      *environment      // where getenv is from, nil in tests
	files    *flagFiles        // what the flags of this run name
	args     []string          // of this run
	given    []string          // args as they were given, before they were translated
	verb     string            // of this run, "" for a bridge
	handover *account.Handover // what a detached login is to do, else nil
	trial    bool              // a line is tried that is to be proposed

	mu   sync.Mutex          // status proves several logins at once
	logs []*foreign.LogLimit // what they left out is said at the end
	last []string            // notes for after the result
}

// addLast adds a note for after the result of the verb.
func (a *app) addLast(message string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last = append(a.last, message)
}

// run executes one command line and returns the exit code.
func (a *app) run(ctx context.Context, args []string) int {
	if len(args) == 0 {
		_, _ = io.WriteString(a.term.Err(), shortHelp(a.term.PageColumns()))
		a.answerUnstarted(ctx, exitUsage, hint.With(errNoURL, "put the URL of the server into the arguments of the entry"))
		return exitUsage
	}
	a.given = args
	completes := strings.HasPrefix(args[0], cobra.ShellCompRequestCmd)
	build := newRoot
	if plainBridge(args) {
		build = newBridge
	}
	root := build(a)
	args, err := a.translate(root, args)
	if err != nil {
		a.term.Error(usageError{err})
		a.answerUnstarted(ctx, exitUsage, err)
		return exitUsage
	}
	a.args = args
	if completes { // cobra prints its own errors, past a.term
		for i := range args {
			args[i] = foreign.Line(args[i])
		}
		a.complete(root)
	}
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.term.Out())
	root.SetErr(a.term.Err())
	cmd, err := root.ExecuteContextC(ctx)
	a.term.Clear()
	for _, message := range a.last {
		a.term.Note("%s", message)
	}
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
		if cmd == root {
			a.answerUnstarted(ctx, code, err)
		}
	}
	return code
}

// translate turns the command line of a bridge into our own words: one of
// mcp-remote's works as well, also behind a verb that takes the whole line of an entry.
// A page of the help takes no further words.
func (a *app) translate(root *cobra.Command, args []string) ([]string, error) {
	var verb []string
	if !mayBeMCPRemote(args) {
		c := child(root, args[0])
		switch {
		case c == nil || len(args) == 1:
			return args, nil
		case !c.Runnable() && !strings.HasPrefix(args[1], "-"):
			return nil, a.mistake(errArguments)
		case !takesEntry(c):
			return args, nil
		}
		verb, args = args[:1:1], args[1:]
	}
	words, err := mcpremote.Translate(args, takesValue(), mcpremote.Environment{Getenv: a.getenv, ReadFile: a.files.read})
	switch {
	case err != nil:
		return nil, a.mistake(err)
	case slices.Equal(words, []string{"version"}):
		return words, nil
	}
	return append(verb, words...), nil
}

// takesEntry reports whether a verb takes the whole command line of a client's entry.
func takesEntry(c *cobra.Command) bool {
	f := c.Flags().Lookup("ping-interval")
	return f != nil && !hasNoEffect(f)
}

// takesValue returns what tells a flag of the bridge whose value is the next word. The
// flags are declared at the first word that may be one: most bridges have none.
func takesValue() func(word string) bool {
	flags := sync.OnceValue(func() *pflag.FlagSet {
		f := pflag.NewFlagSet("", pflag.ContinueOnError)
		new(options).register(f, func(string) string { return "" })
		return f
	})
	return func(word string) bool {
		name, isFlag := strings.CutPrefix(word, "--")
		if !isFlag {
			return false
		}
		f := flags().Lookup(name)
		return f != nil && f.NoOptDefVal == ""
	}
}

// mayBeMCPRemote reports whether a command line begins with a flag or a URL.
func mayBeMCPRemote(args []string) bool {
	return len(args) > 0 && (strings.HasPrefix(args[0], "-") || strings.Contains(args[0], "://"))
}

// logger writes to stderr from the level asked for.
func (a *app) logger(level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, usageError{fmt.Errorf("log level %q is not debug, info, warn or error", level)}
	}
	limit := foreign.NewLogLimit(slog.NewTextHandler(a.term.Err(), &slog.HandlerOptions{Level: l}))
	a.mu.Lock()
	defer a.mu.Unlock()
	a.logs = append(a.logs, limit)
	log := slog.New(limit)
	if said := build.Outdated(); said != "" && len(a.logs) == 1 {
		log.Debug("this program is outdated", "reason", said)
	}
	return log, nil
}

// Run carries out the command line args, without the program's name, and returns
// the exit code (docs/exit-codes.md). version is what was linked in, "" for nothing.
// It takes stdin, stdout and stderr of the process, its environment, and the secrets
// in it; it ends early with ctx.
func Run(ctx context.Context, version string, args []string) int {
	handover := account.ReadHandover(args, os.Stdin)
	env := newEnvironment(handover)
	time.AfterFunc(afterStart, func() { setHeapGrowth(env.get) })
	a := &app{version: build.Of(version).Version, linked: version, in: os.Stdin, term: terminal.System(env.get("NO_COLOR") != ""), getenv: env.get, lines: stdinLines(os.Stdin), env: env, files: newFlagFiles(handover), handover: handover}
	a.spellLines()
	return a.run(ctx, args)
}

// spellLines makes lines to copy work under npx, where the program is not on the PATH.
func (a *app) spellLines() {
	if a.getenv(build.ChannelVariable) != string(build.NPX) || build.ChannelOf("mcp-login", a.getenv) != build.NPX {
		return
	}
	var verbs []string
	for _, verb := range newRoot(a).Commands() {
		verbs = append(verbs, verb.Name())
	}
	hint.StartedBy("mcp-login", strings.Join(hosts.Package(a.version), " "), verbs)
}

// RunStarter starts a detached login, if args are those of the process that does so,
// and returns the code to end with; else ok is false. Call it before anything else.
func RunStarter(args []string) (code int, ok bool) {
	ok, err := account.RunStarter(args, os.Stdin)
	if err != nil {
		return exitFailure, ok
	}
	return exitOK, ok
}

// heapGrowth is how far the heap may grow between two collections, in per cent of
// what is in use (GOGC, see package runtime). While short calls are relayed some two
// megabytes are in use, and Go's own 100 starts the collector dozens of times a
// second. Measured in pairs: docs/evidence/performance.md.
const heapGrowth = 150

// afterStart is when it is set: that stops the world, and a start has better to do.
const afterStart = 200 * time.Millisecond

// setHeapGrowth leaves a person's GOGC alone.
func setHeapGrowth(getenv func(string) string) {
	if getenv("GOGC") == "" {
		debug.SetGCPercent(heapGrowth)
	}
}
