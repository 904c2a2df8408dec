package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"mcp-login/internal/account"
	"mcp-login/internal/bridge"
	"mcp-login/internal/bridge/signin"
	"mcp-login/internal/commandline"
	"mcp-login/internal/hint"
	"mcp-login/internal/jsonrpc"
	"mcp-login/internal/terminal"
)

// bridge relays until stdin ends. What goes wrong with a request is answered
// to the client there; only what ends the whole run comes back as an error.
func (a *app) bridge(ctx context.Context, o options, raw string) error {
	acc, err := a.open(ctx, o, raw, account.ForRelay)
	if err != nil {
		return err
	}
	defer acc.Close()
	if a.typed() {
		a.introduce(acc)
	}
	if err := acc.Relay(ctx, a.in, a.term.Protocol(), o.relay()); err != nil {
		return fmt.Errorf("relay: %w", err)
	}
	return nil
}

// introduce tells a person who runs the bridge at a terminal what it waits for, and which
// command may have been meant. Each is a line of its own, to be copied.
func (a *app) introduce(acc *account.Account) {
	setUp := "mcp-login config CLIENT " + hint.Quote(acc.Server.String()) + " --write"
	takes := takesValue()
	flags := commandline.Split(a.args, func(name, _ string) bool { return takes("--" + name) })
	flags = slices.DeleteFunc(flags, func(w commandline.Word) bool {
		return w.Kind == commandline.Argument || w.Kind == commandline.Separator
	})
	if len(flags) > 0 {
		setUp = flags.Show(setUp+" --", shownValue)
	}
	a.term.Note("this is the bridge; it waits for an MCP client on stdin. Ctrl-C ends it.")
	a.term.Note("To set up a client, sign in, list the tools, find out what is wrong:")
	lines := []string{setUp, acc.CommandFor("login"), acc.CommandFor("tools"), acc.CommandFor("doctor")}
	_, _ = io.WriteString(a.term.Err(), hint.Spell("  "+strings.Join(lines, "\n  ")+"\n"))
}

// relay is what the flags say about the relay.
func (o *options) relay() account.RelayOptions {
	r := account.RelayOptions{Patience: signin.PatienceOf, Tools: o.tools(), Lazy: o.lazy, PingInterval: o.pingInterval, MaxMessage: int(o.maxMessage)}
	switch {
	case !o.changed("login-patience"):
	case o.patience > 0:
		r.Patience = func(string) time.Duration { return o.patience }
	default:
		r.Patience = nil
	}
	return r
}

// answerUnstarted answers a client whose bridge cannot begin, because its command line or
// its store is of no use: each request gets the reason until stdin ends. A person at
// a terminal has read it. Without an address on the line somebody may have meant a verb:
// then a client is one that sends a message.
func (a *app) answerUnstarted(ctx context.Context, code int, reason error) {
	stdin, isFile := a.in.(*os.File)
	if a.in == nil || isFile && terminal.IsTerminal(stdin) || code != exitUsage && code != exitStore {
		return
	}
	if a.verb != "" {
		reason = hint.With(reason, "write the URL and the flags of the bridge alone into the entry: no command answers a client")
	}
	in := a.in
	hasAddress := func(word string) bool { return strings.Contains(word, "://") }
	if !mayBeMCPRemote(a.given) || !slices.ContainsFunc(a.given, hasAddress) {
		if in = spoken(ctx, in); in == nil {
			return
		}
	}
	_ = bridge.Run(ctx, in, a.term.Protocol(), bridge.Config{Server: refusingServer{reason}, MaxMessage: defaultMaxMessage})
}

// firstMessage is how long a client may take to send its first message. Clients do so as
// soon as they have started a server.
const firstMessage = 2 * time.Second

// spoken returns what can be read from in, with its beginning, if that is JSON; else nil.
func spoken(ctx context.Context, in io.Reader) io.Reader {
	r, isJSON := bufio.NewReader(in), make(chan bool, 1)
	go func() { // it may wait as long as the process lives
		for {
			switch b, err := r.Peek(1); {
			case err != nil:
				isJSON <- false
				return
			case strings.ContainsRune(" \t\r\n", rune(b[0])):
				_, _ = r.Discard(1)
			default:
				isJSON <- b[0] == '{' || b[0] == '['
				return
			}
		}
	}()
	select {
	case is := <-isJSON:
		if is {
			return r
		}
	case <-time.After(firstMessage):
	case <-ctx.Done():
	}
	return nil
}

// refusingServer is the server of a bridge that cannot begin.
type refusingServer struct{ reason error }

// Send implements jsonrpc.Stage.
func (r refusingServer) Send(context.Context, jsonrpc.Message, jsonrpc.Sink) error { return r.reason }

// Unasked implements jsonrpc.Stage.
func (refusingServer) Unasked(jsonrpc.Sink) {}

// Close implements jsonrpc.Stage.
func (refusingServer) Close(context.Context) error { return nil }
