package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/url"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"mcp-login/internal/account"
	"mcp-login/internal/oauth"
	"mcp-login/internal/store"
	"mcp-login/internal/terminal"
)

// open opens the account of a server that the flags are about.
func (a *app) open(ctx context.Context, o options, raw string, purpose account.Purpose) (*account.Account, error) {
	server, err := oauth.CanonicalServer(raw, o.allowHTTP)
	if err != nil {
		return nil, usageError{err}
	}
	if server.Scheme == "https" {
		go warmRoots()
	}
	if err := cmp.Or(o.check(), o.checkCallback()); err != nil {
		return nil, err
	}
	if o.cacheDir != "" && a.handover == nil {
		a.term.Note("--%s has no effect here: logins are kept in the store (--store), whose folder MCP_LOGIN_DIR names", cacheDirFlag)
	}
	log, err := a.logger(o.logLevel)
	if err != nil {
		return nil, err
	}
	st, err := a.openStore(o.generalOptions, log)
	if err != nil {
		return nil, err
	}
	choice, err := a.choose(ctx, st, o, server, purpose)
	if err != nil {
		return nil, err
	}
	given := o
	o.Settings = choice.Settings
	c := account.Config{
		Choice: choice, Purpose: purpose, Store: st, Log: log, Terminal: a.term, Lines: a.lines, Version: a.version, Browser: a.browser(o),
		AssumePKCE: o.assumePKCE, LoginTimeout: o.timeout, CallbackBind: o.callbackBind, SuccessURL: o.successURL, LoginFlags: o.connectionWords(),
	}
	if err := a.identify(&c, &o); err != nil {
		return nil, err
	}
	if a.handover == nil && !o.noDetach && a.env != nil {
		c.Detach = &account.Detach{Args: a.args, Secrets: a.env.secrets, Pipes: a.files.pipes}
	}
	if c.Company, err = a.company(ctx, st, given, c); err != nil {
		return nil, err
	}
	c.IDToken = o.readIDToken()
	acc, err := account.Open(c)
	if err != nil {
		return nil, usageError{err}
	}
	return acc, nil
}

// identify fills in who mcp-login is at the provider, and how the server is reached.
func (a *app) identify(c *account.Config, o *options) (err error) {
	if c.Settings.Grant == oauth.GrantEnterprise {
		return a.asCompany(c, *o)
	}
	if o.secretOfAnotherClient(a.variables(*o)) {
		c.Log.Warn(clientSecretName+" is of the client in MCP_LOGIN_CLIENT_ID, else of that of --client-id, and is not used for this one", "client_id", o.ClientID)
	}
	if c.Identity, err = o.identity(a.variables(*o), c.Log); err == nil {
		c.Connection, err = a.connection(o, c.Log)
	}
	return err
}

// browser is how a browser is opened.
func (a *app) browser(o options) account.Browser {
	b := account.Browser{Command: o.browser, Getenv: a.getenv}
	if o.noBrowser {
		b.Command = account.NoBrowser
	}
	return b
}

// lookTimeout bounds the look at what is kept.
const lookTimeout = 5 * time.Second

// choose finds the account that the flags are about. The process that signs in for
// another one takes the account of that one, which waits for it.
func (a *app) choose(ctx context.Context, st *store.Store, o options, server *url.URL, purpose account.Purpose) (account.Choice, error) {
	switch {
	case a.handover != nil:
		return a.handover.Choice(server, o.Settings), nil
	case o.choice != nil:
		return *o.choice, nil
	case o.kept != nil:
		return account.Load(ctx, st, server, o.Settings, *o.kept), nil
	}
	looking, cancel := context.WithTimeout(ctx, lookTimeout)
	entries, _ := st.ListIndexed(looking) // whoever reads the login says what is wrong
	cancel()
	return a.find(ctx, st, entries, o, server, purpose)
}

// find finds the account that the flags are about, of those that are kept.
func (a *app) find(ctx context.Context, st *store.Store, entries []store.Entry, o options, server *url.URL, purpose account.Purpose) (account.Choice, error) {
	c, err := account.Find(ctx, st, entries, o.Settings, server, purpose)
	var several *account.SeveralError
	if errors.As(err, &several) {
		var e store.Entry
		said := o.loginFlags()
		if several.Through = o.through; o.through != nil {
			said = append(o.through.Settings.Flags(), o.connectionWords()...)
		}
		if e, err = a.askWhich(ctx, several, said); err == nil {
			c = account.Load(ctx, st, server, o.Settings, e)
		}
	}
	if err != nil {
		return account.Choice{}, usageError{err}
	}
	return c, nil
}

// askWhich asks a person at a terminal which of several accounts is meant. Elsewhere it
// is the error, with the lines to choose from, which say again what was said.
func (a *app) askWhich(ctx context.Context, several *account.SeveralError, said []string) (store.Entry, error) {
	if several.Verb, several.Said = a.verb, said; a.verb == "" {
		return store.Entry{}, several
	}
	if !a.typed() || !a.term.Interactive() {
		return store.Entry{}, several
	}
	a.term.Note("%s", several)
	for n, e := range several.Kept {
		a.term.Note("%d: %s  %s", n+1, e.Account, terminal.Command(several.Command(e)))
	}
	a.term.Note("type the number of one:")
	select {
	case <-ctx.Done():
		return store.Entry{}, several
	case line := <-a.lines():
		n, err := strconv.Atoi(strings.TrimSpace(line))
		if err != nil || n < 1 || n > len(several.Kept) {
			return store.Entry{}, several
		}
		return several.Kept[n-1], nil
	}
}

// typed reports whether a person types what is read from stdin.
func (a *app) typed() bool {
	stdin, ok := a.in.(*os.File)
	return ok && terminal.IsTerminal(stdin)
}

// maxLine bounds one line that a person types, in bytes.
const maxLine = 16 << 10

// stdinLines reads stdin, by lines, once for all that want them in this process.
func stdinLines(in io.Reader) func() <-chan string {
	return sync.OnceValue(func() <-chan string {
		lines := make(chan string)
		go func() {
			defer close(lines)
			scanner := bufio.NewScanner(in)
			scanner.Buffer(nil, maxLine)
			for scanner.Scan() {
				lines <- scanner.Text()
			}
		}()
		return lines
	})
}

// openStore opens the store of this user. It does not touch the keyring yet.
func (a *app) openStore(o generalOptions, log *slog.Logger) (*store.Store, error) {
	kind, dir := o.store, o.dir
	var err error
	if dir == "" {
		dir, err = defaultDir(a.getenv)
	}
	switch {
	case err == nil || store.Kind(kind) == store.KindMemory:
	case homeless() && a.getenv("MCP_LOGIN_DIR") == "" && store.Kind(kind) == store.KindAuto:
		// A container without a home: signing in is still possible.
		a.term.Note("no home directory: logins are kept in memory, until this program ends")
		a.term.Note("hint: set MCP_LOGIN_DIR to a private directory, or choose --store memory")
		kind = string(store.KindMemory)
	default:
		return nil, storeError{err}
	}
	s, err := store.Open(store.Options{
		Dir: dir, Kind: store.Kind(kind), Log: log, Getenv: a.getenv,
		Notice: func(message, next string) {
			if next == "" && a.verb != "" && a.handover == nil { // a bridge, and the login for one, have no end to wait for
				a.addLast(message)
				return
			}
			a.term.Note("%s", message)
			if next != "" {
				a.term.Note("hint: %s", next)
			}
		},
	})
	if err != nil {
		return nil, storeError{err}
	}
	return s, nil
}

// defaultDir is where logins are kept.
func defaultDir(getenv func(string) string) (string, error) {
	home, _ := os.UserHomeDir() // "" is judged by DefaultDir
	return store.DefaultDir(getenv, runtime.GOOS, home)
}

// homeless reports whether this process has no home folder.
func homeless() bool {
	home, _ := os.UserHomeDir()
	return home == ""
}

// kept opens the store and lists the logins in it.
func (a *app) kept(ctx context.Context, o options) (*store.Store, []store.Entry, error) {
	log, err := a.logger(o.logLevel)
	if err != nil {
		return nil, nil, err
	}
	st, err := a.openStore(o.generalOptions, log)
	if err != nil {
		return nil, nil, err
	}
	entries, err := st.List(ctx)
	if err != nil {
		return st, nil, storeError{err}
	}
	return st, entries, nil
}
