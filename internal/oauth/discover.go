package oauth

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
)

// discover finds the authorization server that the refusal points to. The
// resource's own metadata is read each time; the metadata of an issuer
// that was read a short time ago, in a login that did not fail, is not.
func (c *Client) discover(ctx context.Context, previous *Credential, why renewal) (discovery.Result, error) {
	if c.isCompany() {
		return c.discoverCompany(ctx)
	}
	cached := previous.Metadata
	if age := time.Since(previous.MetadataAt); age < 0 || age > metadataLifetime || !previous.Attempt.Ended.IsZero() {
		cached = discovery.ServerMetadata{}
	}
	found, err := discovery.Discover(ctx, c.cfg.HTTP, discovery.Query{
		Server: c.cfg.Server, Challenge: why.challenge, ResourceChosen: c.cfg.Key.Resource != "",
		Choice: c.cfg.WithKept(previous.Provider()), KnownIssuer: previous.Provider().RequestedAs(), Cached: cached, Bound: previous.Bound(),
	})
	for _, reason := range found.Server.LeftOut() {
		c.log.Debug("a member of the provider's metadata is left out", "reason", reason)
	}
	if notListed := (*discovery.NotListedError)(nil); errors.As(err, &notListed) {
		return found, &grant.Error{
			Op: "find the authorization server", Err: fmt.Errorf("%w: %w", notListed, ErrLoginRequired),
			Hint: "nothing was sent there; if this server is to be used with that provider all the same, say so for it alone" + issuerFlag(": ", notListed.Named),
		}
	}
	if err == nil {
		err = c.checkIDToken(previous, found.Binding)
	}
	return found, grant.AsError(err)
}

// checkIDToken refuses to present an ID token, which is bound to no key, where only bound ones
// are taken: by the server, or for an account that is bound already.
func (c *Client) checkIDToken(previous *Credential, binding discovery.Binding) error {
	if binding != discovery.BoundOnly || !c.presentsIDToken(previous) {
		return nil
	}
	cause, next := "only tokens that are bound to a key (DPoP) are taken, and an ID token is none", "the server takes only bound tokens; leave out --id-token, and if the login was made with it, first run: "+c.command("logout")
	if previous.Bound() {
		cause, next = "this login is bound to a key (DPoP), and an ID token is not", "leave out --id-token; or, if the server takes other tokens as well, forget the login with its key first, run: "+c.command("logout")
	}
	return &grant.Error{Op: "check what the MCP server asks for", Err: errors.New(cause), Hint: next}
}

// metadataLifetime is how long the metadata of an issuer is not read again.
const metadataLifetime = time.Hour
