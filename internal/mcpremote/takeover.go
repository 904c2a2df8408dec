package mcpremote

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"mcp-login/internal/oauth"
	"mcp-login/internal/store"
)

// StoreError is what the store could not do.
type StoreError struct{ error }

// Unwrap returns the store's own error.
func (e StoreError) Unwrap() error { return e.error }

// TakeOver keeps the login in st under key, and returns what is kept there then. If
// there was a login already, that one stays, and taken is false. client fetches
// metadata, see Credential.
func (l *Login) TakeOver(ctx context.Context, st *store.Store, client *http.Client, server *url.URL, key oauth.Key) (cred oauth.Credential, taken bool, err error) {
	unlock, err := st.Lock(ctx, key)
	if err != nil {
		return cred, false, StoreError{err}
	}
	defer unlock()
	switch cred, err = st.Load(ctx, key); {
	case err == nil && cred.HasToken():
		return cred, false, nil
	case err != nil && !errors.Is(err, oauth.ErrNotFound):
		return cred, false, StoreError{err}
	}
	if cred, err = l.Credential(ctx, client, server, key); err != nil {
		return cred, false, err
	}
	if err := st.Save(ctx, key, cred); err != nil {
		return cred, false, StoreError{err}
	}
	return cred, true, nil
}
