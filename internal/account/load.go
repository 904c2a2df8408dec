package account

import (
	"context"
	"errors"
	"net/url"
	"time"

	"mcp-login/internal/oauth"
	"mcp-login/internal/store"
)

// Choice is the account that a command is about.
type Choice struct {
	Server *url.URL
	// Key is where its login is kept.
	Key oauth.Key
	// Settings are what was said, with what is kept where nothing is said.
	Settings Settings
}

// loadTimeout bounds the look at a kept login.
const loadTimeout = 5 * time.Second

// Load returns the account of e, an entry that [Choose] or the list of the store has
// returned. One without an ID is new. A login that cannot be read is no error here: its use is.
func Load(ctx context.Context, st *store.Store, server *url.URL, said Settings, e store.Entry) Choice {
	c := Choice{Server: server, Key: e.Key, Settings: said}
	if e.ID == "" {
		return c
	}
	c.Settings = said.For(e.Key)
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	cred, err := st.Load(ctx, e.Key)
	if err == nil {
		c.Settings = c.Settings.With(cred)
	}
	if broken := errors.Is(err, store.ErrDamaged) || errors.Is(err, store.ErrKeyLost); broken && e.Key.Issuer != "" && said.Named == "" {
		// Only the index says that this provider was named, and anybody may have written it.
		return Choice{Server: server, Key: said.Key(server), Settings: said}
	}
	return c
}
