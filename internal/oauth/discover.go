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
	if err == nil && found.Binding == discovery.BoundOnly && c.presentsIDToken(previous) {
		return found, &grant.Error{
			Op: "check what the MCP server asks for", Err: errors.New("only tokens that are bound to a key (DPoP) are taken, and an ID token is none"),
			Hint: "the server takes only bound tokens; leave out --id-token, and if the login was made with it, first run: " + c.command("logout"),
		}
	}
	return found, grant.AsError(err)
}

// metadataLifetime is how long the metadata of an issuer is not read again.
const metadataLifetime = time.Hour
