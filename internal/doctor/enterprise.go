package doctor

import (
	"context"
	"errors"

	"mcp-login/internal/account"
	"mcp-login/internal/oauth"
)

// enterprise looks at the login at the company's provider, which is renewed if need be.
func (x *examination) enterprise(ctx context.Context) Finding {
	switch {
	case x.Settings.Enterprise == "":
		return Finding{Outcome: absent}
	case x.refused:
		return skipped("%s", needsCredential(x))
	}
	acc, err := x.opened(ctx)
	if err != nil {
		return failedBy(err, "")
	}
	person, err := acc.CompanyLogin(ctx)
	switch {
	case errors.Is(err, oauth.ErrLoginRequired):
		return skipped("nobody is signed in at %s", x.Settings.Enterprise).then("run: " + acc.CompanyCommand())
	case err != nil:
		return failedBy(err, "")
	}
	return passed("%s vouches%s, to its client %s", x.Settings.Enterprise, account.AsAccount(*person), person.Registration.ClientID)
}

// assertion judges whether the company's provider vouches for the person at the server's, and
// that one takes it: an access token was asked for, and is thrown away.
func (x *examination) assertion(i oauth.ClientCheck) Finding {
	switch {
	case errors.Is(i.Granted, oauth.ErrLoginRequired):
		return skipped("nobody is signed in at %s", x.Settings.Enterprise)
	case i.Granted != nil:
		return failedBy(i.Granted, "")
	}
	return passed("%s gets a token for what %s says", i.ClientID, x.Settings.Enterprise)
}
