package account

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync/atomic"

	"mcp-login/internal/bridge"
	"mcp-login/internal/oauth"
)

// answers keeps what the server has said, for a lazy start.
type answers struct {
	a *Account
	// tools are those that the client sees: what it is told has been filtered.
	tools  bridge.Filter
	warned atomic.Bool
}

// Owner implements lazy.Memory. It is the sign-in whose token this process uses, as long as no
// other one is in the store; and headers, a token or a certificate that were given.
func (k *answers) Owner() string {
	login, known := k.a.loginInUse()
	if !known {
		return ""
	}
	c, hash := k.a.Connection, sha256.New()
	fmt.Fprintf(hash, "login %q tools %q token %q\n", login, k.tools, c.Token.Reveal())
	_ = c.Header.Write(hash) // a hash takes everything
	for _, certificate := range c.Certificates {
		for _, der := range certificate.Certificate {
			_, _ = hash.Write(der)
		}
	}
	return hex.EncodeToString(hash.Sum(nil))
}

// loginInUse tells one sign-in to the account from another. known is false where it is not
// known who signs in, or where that is changing. It loads no login, so that the first request
// takes the one that is in the store then.
func (a *Account) loginInUse() (login string, known bool) {
	if !a.signsIn() {
		return "", true
	}
	ctx, stop := context.WithTimeout(context.Background(), loadTimeout)
	defer stop()
	stored, err := a.Store.Load(ctx, a.Key)
	if err != nil && !errors.Is(err, oauth.ErrNotFound) {
		return "", false
	}
	if a.company != nil && a.IDToken == nil { // who is signed in there decides whose the next token is
		person, err := a.Store.Load(ctx, a.company.Key)
		if err != nil && !errors.Is(err, oauth.ErrNotFound) || !person.SignedIn.Equal(stored.SignedIn) {
			return "", false
		}
	}
	nobody := !stored.HasToken() && !stored.Established || oauth.WithoutPerson(a.Key.Grant)
	login = stored.Login()
	used, loaded := a.OAuth.InUse()
	return login, (!loaded || used.Login() == login) && (login != "" || nobody)
}

// Recall implements lazy.Memory.
func (k *answers) Recall(name string) []byte {
	ctx, stop := context.WithTimeout(context.Background(), loadTimeout)
	defer stop()
	b, err := k.a.Store.LoadSealed(ctx, k.a.Key, name)
	if err != nil {
		k.a.Log.Debug("what the server said the last time is not known", "about", name, "reason", err)
	}
	return b
}

// Keep implements lazy.Memory.
func (k *answers) Keep(name string, record []byte) {
	ctx, stop := context.WithTimeout(context.Background(), loadTimeout)
	defer stop()
	if err := k.a.Store.SaveSealed(ctx, k.a.Key, name, record); err != nil && !k.warned.Swap(true) {
		k.a.Log.Warn("what the server says is not kept for a lazy start", "reason", err)
	}
}
