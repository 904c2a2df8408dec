package cli

import (
	"context"
	"os"
	"time"

	"mcp-login/internal/account"
	"mcp-login/internal/terminal"
)

// Run carries out the command line args, without the program's name, and returns
// the exit code (docs/exit-codes.md). It takes stdin, stdout and stderr of the
// process, its environment, and the secrets in it; it ends early with ctx.
func Run(ctx context.Context, args []string) int {
	handover := account.ReadHandover(args, os.Stdin)
	env := newEnvironment(handover)
	time.AfterFunc(afterStart, func() { setHeapGrowth(env.get) })
	a := &app{in: os.Stdin, term: terminal.System(env.get("NO_COLOR") != ""), getenv: env.get, lines: stdinLines(os.Stdin), env: env, handover: handover}
	return a.run(ctx, args)
}

// StartDetached starts a detached login, if args are those of the process that does so,
// and returns the code to end with; else ok is false. Call it before anything else.
func StartDetached(args []string) (code int, ok bool) {
	ok, err := account.StartDetached(args, os.Stdin)
	if err != nil {
		return exitFailure, ok
	}
	return exitOK, ok
}
