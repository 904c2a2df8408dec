package cli

import (
	"context"
	"log/slog"
	"os"
	"runtime"

	"mcp-login/internal/store"
)

// openStore opens the store of this user. It does not touch the keyring yet.
func (a *app) openStore(kind string, log *slog.Logger) (*store.Store, error) {
	home, _ := os.UserHomeDir() // "" is judged by DefaultDir
	dir, err := store.DefaultDir(a.getenv, runtime.GOOS, home)
	switch {
	case err == nil || store.Kind(kind) == store.KindMemory:
	case home == "" && a.getenv("MCP_LOGIN_DIR") == "" && store.Kind(kind) == store.KindAuto:
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

// kept opens the store and lists the logins in it.
func (a *app) kept(ctx context.Context, o options) (*store.Store, []store.Entry, error) {
	log, err := a.logger(o.logLevel)
	if err != nil {
		return nil, nil, err
	}
	st, err := a.openStore(o.store, log)
	if err != nil {
		return nil, nil, err
	}
	entries, err := st.List(ctx)
	if err != nil {
		return nil, nil, storeError{err}
	}
	return st, entries, nil
}
