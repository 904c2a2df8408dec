package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"syscall"

	"mcp-login/internal/account"
	"mcp-login/internal/build"
	"mcp-login/internal/hint"
	"mcp-login/internal/oauth/loopback"
	"mcp-login/internal/store"
)

func (x *examination) version(context.Context) Finding {
	f := passed("mcp-login %s, %s/%s, %s", build.Of(x.Program.Version).Source(), runtime.GOOS, runtime.GOARCH, runtime.Version())
	if outdated := build.Outdated(); outdated != "" {
		f.Outcome, f.Next = Warned, outdated+"; "+x.Program.Channel.Rebuilt(x.Program.Path)
	}
	return f
}

// store looks at what is kept, and finds out whether a login could be.
func (x *examination) store(ctx context.Context) Finding {
	kept, err := x.Load(ctx)
	x.kept = kept
	mend := x.mendable(ctx)
	if err != nil {
		return failed(cmp.Or(mend.Next, hint.Of(err)), "%v", err)
	}
	x.Settings, x.AllowHTTP = kept.Settings, kept.AllowHTTP
	st, broken, again, logins := kept.Store, "", "", 0
	for _, e := range kept.Entries {
		if e.HasToken {
			logins++
		}
		if e.Problem != "" {
			broken, again = e.Problem, "remove the files "+st.Files(e.ID)
			if e.Key.Server != "" {
				broken, again = e.Key.Server+": "+e.Problem, "sign in again: "+kept.Command("login", e)
			}
		}
	}
	if broken != "" {
		return failed(cmp.Or(mend.Next, again), "one of %d logins cannot be read: %s", len(kept.Entries), broken)
	}
	kind, fallback, err := st.Probe(ctx)
	switch {
	case st.InMemory():
		return passed("in memory only: every start signs in anew")
	case err != nil:
		return failedBy(err, "")
	case mend.Next != "":
		return mend
	case fallback != nil:
		return warned(hint.Of(fallback), "%s (%v), %s", places[kind], fallback, counted(logins, "login", "logins"))
	}
	return passed("%s, %s", places[kind], counted(logins, "login", "logins"))
}

// mendable is the finding that something in the store can be mended; Next is "" where nothing
// can.
func (x *examination) mendable(ctx context.Context) (f Finding) {
	if x.kept.Store == nil {
		return f
	}
	repairs, _ := x.kept.Store.Repairs(ctx) // what cannot be looked at, other errors say
	if len(repairs) == 0 {
		return f
	}
	f = warned("run: "+x.kept.Fix, "%s to mend, the first: %s", counted(len(repairs), "thing", "things"), repairs[0].Change)
	if slices.ContainsFunc(repairs, func(r store.Repair) bool { return r.Refused }) {
		f.Outcome = Failed
	}
	return f
}

// places say where each kind of store keeps logins.
var places = map[store.Kind]string{
	store.KindKeyring:    "encrypted files, their key in the OS keyring",
	store.KindPassphrase: "files encrypted under your passphrase",
	store.KindFile:       "plain files, readable for you only",
}

func counted(n int, one, several string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, several)
}

func (x *examination) browser(context.Context) Finding {
	switch {
	case x.Browser.Command == account.NoBrowser:
		return passed("none is opened, as configured; the address is printed")
	case x.Browser.Command != "":
		return passed("opened with %q", x.Browser.Command)
	case x.Browser.Available():
		return passed("the system's own")
	}
	return passed("none here; a code for another device is used where the provider offers it, else the address can be pasted")
}

// callback binds the redirect listener as a login would, and closes it.
func (x *examination) callback(ctx context.Context) Finding {
	const next = "look at --callback-host and --callback-port"
	c, err := account.CallbackOf(x.Settings.Choices, x.Settings.Client)
	if err != nil {
		return failedBy(err, next)
	}
	redirect, err := c.Listen(ctx, loopback.Options{Bind: x.CallbackBind})
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return failed("end the other program, or choose another --callback-port and register it at the provider", "port %d is taken by another program", c.Port)
	case err != nil:
		return failedBy(err, next)
	}
	address := redirect.URI()
	_ = redirect.Close()
	if c.Port == 0 {
		return passed("a free port of %s", c.Host)
	}
	return passed("%s (port %d)", address, c.Port)
}
