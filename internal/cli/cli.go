package cli

import (
	"context"
	"os"
	"time"

	"github.com/pkg/browser"

	"mcp-login/internal/pace"
	"mcp-login/internal/terminal"
)

// Run carries out the command line args, without the program's name, and returns
// the exit code (docs/exit-codes.md). It takes stdin, stdout and stderr of the
// process, its environment, and the secrets in it; it ends early with ctx.
func Run(ctx context.Context, args []string) int {
	// What opens the browser may write neither into the MCP stream nor, what
	// pages say, to a terminal; and a browser that outlives us must not die of a
	// closed pipe.
	browser.Stdout, browser.Stderr = nil, nil
	order, secrets := handedOver(args, os.Stdin)
	env := newEnvironment(secrets)
	if order != nil {
		givenPipes.keep(order.Pipes)
	}
	time.AfterFunc(afterStart, func() { pace.Follow(heapPace, env.get) })
	a := &app{in: os.Stdin, term: terminal.System(env.get("NO_COLOR") != ""), getenv: env.get, env: env, order: order, open: browser.OpenURL}
	return a.run(ctx, args)
}
