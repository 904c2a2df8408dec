package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
)

// client asks the provider about the client, and names what is wrong with it. Only a JSON
// error about the client or its redirect URI is a fault: what else providers answer to a
// request that asks nobody differs too much.
func (x *examination) client(ctx context.Context) Finding {
	switch {
	case x.account == nil:
		return skipped("the account cannot be opened")
	case !x.account.Connection.Token.IsZero():
		return skipped("a token is given")
	}
	redirect, err := x.account.Listen(ctx, x.provider.Issuer, x.provider.FoundAt, 0)
	if err != nil {
		return skipped("nothing can listen for the redirect")
	}
	defer func() { _ = redirect.Close() }()
	i, err := x.account.OAuth.CheckClient(ctx, x.found, x.challenge, redirect.URI())
	switch {
	case errors.Is(err, oauth.ErrNotFound):
		return skipped("can be asked about when a client is registered")
	case err != nil:
		return failedBy(err, "")
	}
	x.clientCheck = i
	switch {
	case x.Settings.Grant == oauth.GrantClientCredentials:
		return x.clientCredentials(i)
	case x.Settings.Enterprise != "":
		return x.assertion(i)
	case x.Settings.Grant == oauth.GrantJWTBearer:
		return byPlatform(i)
	case i.ByDevice:
		return x.deviceClient(i)
	}
	return x.codeClient(i)
}

// nativeApplication is what to register at a provider for a login by redirect.
const nativeApplication = "a native (public) application with the authorization code flow"

// codeClient judges a client of a login by redirect.
func (x *examination) codeClient(i oauth.ClientCheck) Finding {
	unregistered := i.Authorization.RedirectRefused()
	x.wrongType = unregistered && i.Code.Unauthorized()
	switch {
	case i.Authorization.ClientRefused() && i.Dynamic:
		return failed(x.registerAnew(), "the provider does not know the client %s", i.ClientID)
	case i.Authorization.ClientRefused():
		return failed("look at --client-id: it is the one of another provider or tenant, or its application was deleted", "the provider does not know the client %s", i.ClientID)
	case i.Code.ClientRefused() && i.Secret:
		return failed("give the secret of exactly this application, with --client-secret-file; a native application has none: leave it out", "the provider refuses the secret of the client %s", i.ClientID)
	case i.Code.Unauthorized() && unregistered && i.Similar != withoutItsPort(i.RedirectURI):
		return failed("create "+nativeApplication+" there, with the redirect URI "+x.redirectURI()+", and use its id", "the client %s is a traditional web or a machine-to-machine application: it has a secret, and not the redirect URI", i.ClientID)
	case i.Code.Unauthorized() && unregistered:
		return failed("create "+nativeApplication+" there and use its id", "the client %s is a traditional web application: it has a secret, and its redirect URI is compared with the port", i.ClientID)
	case i.Code.Unauthorized():
		return failed("create "+nativeApplication+" there and use its id; or give the secret, with --client-secret-file", "the client %s has a secret, which is not given: it is a traditional web or a machine-to-machine application", i.ClientID)
	case i.Code.ClientRefused():
		return failed("look at --client-id; if the client has a secret, give it with --client-secret-file", "the token endpoint does not take the client %s", i.ClientID)
	case unregistered:
		return x.unregistered(i)
	case i.Code.GrantRefused():
		return warned("if a login fails, create "+nativeApplication+" there and use its id", "%s is known to the provider, whose token endpoint says that it has not the grant of a login in the browser", i.ClientID)
	case i.Authorization.Status == 0:
		return failed("can it be reached from here?", "the authorization endpoint does not answer")
	case !i.Authorization.Redirected:
		return skipped("the provider does not say without a person (%d)", i.Authorization.Status)
	}
	return passed("%s is known to the provider%s", i.ClientID, secretTaken(i))
}

func secretTaken(i oauth.ClientCheck) string {
	if i.Secret && i.Code.Code == "invalid_grant" {
		return "; its secret is right"
	}
	return ""
}

// registerAnew is what to do where a provider has forgotten a client.
func (x *examination) registerAnew() (next string) {
	return "to register a client anew, run: " + x.command("login", "--again")
}

// unregistered judges a client without the redirect URI of a login on this machine, by
// its type of application. If that is not the cause, the check of the resource says so.
func (x *examination) unregistered(i oauth.ClientCheck) Finding {
	x.wrongType = true
	switch {
	case i.Code.GrantRefused() && !i.Device.GrantRefused() && i.Device.Code != "":
		return failed("add --device; or create "+nativeApplication+" there and use its id", "the client %s is an application of the device flow, which has no redirect URI", i.ClientID)
	case i.Code.GrantRefused() && i.Secret:
		return failed("add --client-credentials to sign in as the application itself; or create "+nativeApplication+" there and use its id", "the client %s is a machine-to-machine application: nobody can sign in with it", i.ClientID)
	case i.Code.GrantRefused():
		return failed("create "+nativeApplication+" there and use its id", "the client %s is of a type that nobody can sign in with in a browser", i.ClientID)
	case i.Dynamic, i.Similar == "", i.Similar != withoutItsPort(i.RedirectURI):
		x.wrongType = false
		return passed("%s is known to the provider%s", i.ClientID, secretTaken(i))
	case i.Secret:
		return failed("create "+nativeApplication+" there and use its id; or add --callback-port 33418 and register that port as well", "the redirect URI of the client %s is compared with its port, as that of a traditional web application is", i.ClientID)
	}
	return failed("create "+nativeApplication+" there and use its id; or add --callback-port 33418 and register that port as well", "the redirect URI of the client %s is compared with its port, as that of a single-page application is", i.ClientID)
}

// redirectRefused says which redirect URI to register, or which one the provider takes.
func (x *examination) redirectRefused(i oauth.ClientCheck) Finding {
	next := "enter exactly this redirect URI at the provider: " + x.redirectURI()
	switch {
	case i.Similar != "":
		next += "; it takes " + i.Similar + ", which is another spelling"
	case i.Dynamic:
		next = x.registerAnew()
	default:
		next += "; the application must be a native one: of a single-page or traditional one the port is compared, too"
	}
	return failed(next, "the provider does not accept the redirect URI %s", i.RedirectURI)
}

// deviceClient judges a client of --device.
func (x *examination) deviceClient(i oauth.ClientCheck) Finding {
	var refused *grant.Error
	switch {
	case i.Granted == nil:
		return passed("%s may sign people in with a code on another device", i.ClientID)
	case errors.Is(i.Granted, discovery.ErrUnavailable) || !errors.As(i.Granted, &refused):
		return failedBy(i.Granted, "")
	case refused.Code == "invalid_request" || refused.Code == "unauthorized_client":
		return failed("create an application of the device flow there (in Logto: native, with Device flow) and use its id; or leave out --device", "the client %s may not use the device grant: %v", i.ClientID, refused)
	}
	return failedBy(i.Granted, "look at --client-id and at the application at the provider")
}

// clientCredentials judges a client of --client-credentials.
func (x *examination) clientCredentials(i oauth.ClientCheck) Finding {
	var refused *grant.Error
	switch {
	case i.Granted == nil:
		return passed("%s signs in as itself", i.ClientID)
	case errors.Is(i.Granted, discovery.ErrUnavailable) || !errors.As(i.Granted, &refused):
		return failedBy(i.Granted, "")
	case refused.Code == "invalid_client":
		return failed("look at --client-id, and give the secret of exactly this application with --client-secret-file", "the provider does not know the client %s, or refuses its secret", i.ClientID)
	case refused.Code == "invalid_request" || refused.Code == "unauthorized_client":
		return failed("create a machine-to-machine application there and use its id; or leave out --client-credentials", "the client %s may not sign in as itself: %v", i.ClientID, refused)
	}
	return failedBy(i.Granted, "look at the application at the provider")
}

// byPlatform judges a sign-in with the token of the platform.
func byPlatform(i oauth.ClientCheck) Finding {
	if i.Granted == nil {
		return passed("the provider takes the token of the platform")
	}
	return failedBy(i.Granted, "look at what the provider trusts: the issuer, the subject and the audience of the token")
}

// resourceAccepted judges the rest of what the authorization endpoint answers: the
// resource and the scopes. A request with prompt=none ends in an error by design (OpenID
// Connect Core 1.0, section 3.1.2.1); the code of the error tells whether they are
// accepted.
func (x *examination) resourceAccepted(context.Context) Finding {
	r, resource := x.clientCheck.Authorization, x.clientCheck.Resource
	switch {
	case x.clientCheck.ClientID == "" && x.Settings.Grant != oauth.GrantJWTBearer:
		return skipped("can be asked about when a client is registered")
	case x.clientCheck.ByDevice && x.clientCheck.Granted == nil:
		return skipped("the provider judges it when somebody signs in with a code")
	case x.Settings.Enterprise != "":
		return skipped("%s judges it", x.Settings.Enterprise)
	case oauth.WithoutPerson(x.Settings.Grant) && x.clientCheck.Granted == nil:
		return skipped("the token endpoint judges it")
	case r.Status == 0, r.ClientRefused(), x.wrongType:
		return skipped("the client is not accepted")
	case r.RedirectRefused():
		return x.redirectRefused(x.clientCheck)
	}
	switch r.Code {
	case "invalid_target":
		return failed("register an API resource with exactly the indicator "+resource+" at the provider (Logto: Console, API resources), or add --no-resource, for a server that takes tokens meant for none", "the provider does not know the resource %s", resource)
	case "invalid_scope":
		return failed("at a third-party application of Logto, add them under Permissions; or choose others with --scope", "the provider does not grant this client %s", refusedScope(r))
	case "unauthorized_client", "unsupported_response_type", "invalid_request":
		return failed("look at the client's settings at the provider", "the provider answers %s", describeError(r))
	}
	if !r.Redirected {
		return skipped("the provider does not say without a person (%d)", r.Status)
	}
	return passed("client, redirect URI%s are accepted", andResource(resource))
}

func refusedScope(r grant.Reply) string {
	if r.Scope == "" {
		return "the scopes that were asked for"
	}
	return "the scope " + r.Scope
}

func describeError(r grant.Reply) string {
	if r.Description == "" {
		return r.Code
	}
	return fmt.Sprintf("%s: %s", r.Code, r.Description)
}

func andResource(resource string) string {
	if resource == "" {
		return ""
	}
	return " and resource " + resource
}

// withoutItsPort is a redirect URI as it is registered where any port is taken.
func withoutItsPort(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return uri
	}
	u.Host = strings.TrimSuffix(u.Host, ":"+u.Port())
	return u.String()
}
