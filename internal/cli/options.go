package cli

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mcp-login/internal/account"
	"mcp-login/internal/bridge/signin"
	"mcp-login/internal/build"
	"mcp-login/internal/command"
	"mcp-login/internal/commandline"
	"mcp-login/internal/hint"
	"mcp-login/internal/mcpremote"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/grant"
	"mcp-login/internal/oauth/loopback"
	"mcp-login/internal/store"
	"mcp-login/internal/workload"
)

// clientSecretName is the variable with the secret of a client.
const clientSecretName = "MCP_LOGIN_CLIENT_SECRET" //nolint:gosec // a name, no credential

// clientInfoFlag is how the translation of mcp-remote's flags hands on a client
// with its secret; it is not for people.
const clientInfoFlag = "client-info"

// cacheDirFlag is one of mcp-remote, accepted for its configurations.
const cacheDirFlag = "cache-dir"

// options are the flags that say for whom and how to talk to one server; all verbs with
// a URL share them. Where several flags say one thing, resolve puts it into Settings.
type options struct {
	account.Settings
	generalOptions
	connectionFlags
	flags  *pflag.FlagSet           // these, to tell a flag that was given from its default
	getenv func(name string) string // nil: no variable is for this server
	kept   *store.Entry             // the kept login that Settings are of, see use
	choice *account.Choice          // the account, once it is found

	// The client at the provider.
	clientSecretFile, clientKey           string
	clientInfo                            string
	enterpriseSecretFile, idTokenFile     string // of the client at the company's provider
	clientName, clientURI, clientMetadata string // become Settings.Client
	givenClientID                         string // Settings.ClientID before it is that of a kept login

	// The sign-in.
	scope                         string // becomes Settings.Scopes
	noResource, clientCredentials bool   // become Settings.Resource and Settings.Grant
	assertion                     string // the source of the platform's token; makes Settings.Grant as well
	callbackBind, successURL      string
	assumePKCE, noDetach          bool
	serverAlone                   bool            // the login at the company's provider is of no matter
	through                       *account.Choice // the account of the server that such a login is chosen for
	timeout, patience             time.Duration

	// What is sent with requests.
	headers, headerFiles, headerCommands []string
	tokenCommand, transport              string
	commandHeaders                       []command.Header // of the commands, once they are checked
	commandSet                           *command.Set     // of them, once something has run one

	cacheDir string
}

// bind gives a command the flags, of which it offers those about uses, and resolves them
// before it runs.
func (o *options) bind(cmd *cobra.Command, a *app, uses subject) {
	o.files, o.version = a.files, a.version
	o.register(cmd.Flags(), a.getenv)
	offer(cmd.Flags(), uses)
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		if err := refused(cmd.Flags()); err != nil {
			return a.mistake(err)
		}
		return o.resolve(cmd.Flags())
	}
}

// register declares the flags; flagtable.go has their order in the help, and which verbs they
// have an effect in. A variable is the default of its flag, so that the flag wins. It returns
// those that are right for any server.
func (o *options) register(f *pflag.FlagSet, getenv func(string) string) (general *pflag.FlagSet) {
	general = pflag.NewFlagSet("", pflag.ContinueOnError)
	o.generalOptions.register(general, getenv)
	f.AddFlagSet(general)
	or := variableOr(getenv)
	o.connectionFlags.register(f, or)
	o.getenv = getenv
	f.StringVar(&o.Profile, "profile", "", "account to use, when there are several on one server")
	f.StringVar(&o.scope, "scope", "", "scopes to ask for, separated by blanks, instead of those the server names")
	f.StringVar(&o.Named, "issuer", or("MCP_LOGIN_ISSUER", ""), "provider to sign in at, whatever the server lists: its issuer, or the address of its metadata")
	f.StringVar(&o.Accepted, "accept-issuer", "", "what the provider's metadata may call itself besides the issuer that it was found under")
	f.StringVar(&o.ClientID, "client-id", or("MCP_LOGIN_CLIENT_ID", ""), "client registered by hand at the provider")
	f.StringVar(&o.clientSecretFile, "client-secret-file", "", "file with its secret; or set MCP_LOGIN_CLIENT_SECRET")
	f.StringVar(&o.clientKey, "client-key", "", "file with its private key, PEM or JWK, to authenticate with signed assertions")
	f.StringVar(&o.MetadataURL, "client-metadata-url", "", "client ID metadata document to be known by")
	f.StringVar(&o.clientName, "client-name", "", "name to register this client by, for providers that know theirs")
	f.StringVar(&o.clientURI, "client-uri", "", "home page to register this client with")
	f.StringVar(&o.clientMetadata, "client-metadata", "", "what else to register this client with (RFC 7591), as JSON or @FILE")
	f.BoolVar(&o.clientCredentials, "client-credentials", false, "sign in as the client itself, without a person")
	f.StringVar(&o.assertion, "assertion", "", "token of the platform to sign in with, without a person: file:PATH, env:NAME, command:PROGRAM, spiffe, gcp or github; with --client-credentials in the place of a secret")
	o.registerCompany(f)
	f.StringVar(&o.TokenEndpoint, "token-endpoint", "", "token endpoint for --client-credentials and --assertion, for providers that publish no metadata")
	f.StringVar(&o.Resource, "resource", "", "resource to ask a token for, instead of the one the server names; none leaves it out")
	f.BoolVar(&o.noResource, "no-resource", false, "the same as --resource none")
	f.StringArrayVar(&o.Params, "auth-param", nil, "further parameter of the authorization request, as name=value; repeatable")
	f.BoolVar(&o.IDToken, "id-token", false, "present the ID token to the server instead of the access token")
	f.StringArrayVar(&o.headers, "header", nil, "header to send to the server, as 'Name: value'; ${VAR} is replaced; repeatable")
	f.StringArrayVar(&o.headerFiles, "header-file", nil, "file with such headers, one on a line; # begins a comment; repeatable")
	f.StringArrayVar(&o.headerCommands, "header-command", nil, "header whose value a program prints, as 'Name: PROGRAM ARGUMENT…'; repeatable")
	f.StringVar(&o.tokenCommand, "token-command", "", "program that prints the bearer token, with its arguments, instead of a login")
	f.StringVar(&o.transport, "transport", "auto", "auto, http (Streamable HTTP) or sse (HTTP+SSE of 2024-11-05)")
	f.BoolVar(&o.Device, "device", false, "sign in with a code on another device")
	f.IntVar(&o.CallbackPort, "callback-port", 0, "port of the redirect URI, for providers that compare it; 0 takes any")
	f.StringVar(&o.CallbackHost, "callback-host", "", "host of the redirect URI: 127.0.0.1, localhost or ::1")
	f.StringVar(&o.CallbackPath, "callback-path", "", "path of the redirect URI")
	// The defaults are shown, not set: without a flag, what is kept with the account holds.
	f.Lookup("callback-host").DefValue, f.Lookup("callback-path").DefValue = loopback.DefaultHost, loopback.DefaultPath
	f.StringVar(&o.callbackBind, "callback-bind", "", "further IP address to listen at, such as 0.0.0.0 in a container; other machines may reach it")
	f.StringVar(&o.RedirectURI, "redirect-uri", "", "redirect URI, instead of those of port, host and path; with https the answer is pasted")
	f.StringVar(&o.successURL, "success-url", "", "page to send the browser to after a login, instead of ours")
	f.DurationVar(&o.timeout, "timeout", oauth.DefaultLoginTimeout, "how long to wait for a person to sign in; 10m when a client waits")
	f.DurationVar(&o.patience, "login-patience", signin.DefaultPatience, "when to answer a client's initialize although a person is still signing in; 0 never; clients that are known have a default of their own")
	f.BoolVar(&o.noDetach, "no-detach", getenv("MCP_LOGIN_NO_DETACH") != "", "let a login end with the client that asked for it")
	f.BoolVar(&o.assumePKCE, "assume-pkce", false, "do not warn where the provider does not say that it supports PKCE")
	f.StringVar(&o.clientInfo, clientInfoFlag, "", "")
	_ = f.MarkHidden(clientInfoFlag)
	f.StringVar(&o.cacheDir, cacheDirFlag, "", "")
	_ = f.MarkHidden(cacheDirFlag)
	return general
}

// resolve makes the Settings of what was said in several ways. It distinguishes
// --scope "" (ask for none) from no flag, and an issuer that was said for this server
// from a variable, which may have been meant for another.
func (o *options) resolve(f *pflag.FlagSet) (err error) {
	o.flags = f
	o.OnlyListed, o.givenClientID = o.Named != "" && !f.Changed("issuer"), o.ClientID
	if o.Client, err = o.chosen(); err != nil {
		return usageError{err}
	}
	scope, said := o.scope, f.Changed("scope")
	if !said {
		scope, said = o.Client.Scope()
	}
	if o.Scopes = strings.Fields(scope); !said {
		o.Scopes = nil
	} else if len(o.Scopes) == 0 {
		o.Scopes = oauth.NoScopes()
	}
	if o.noResource {
		if o.Resource != "" && o.Resource != oauth.NoResource {
			return usageError{errors.New("--resource and --no-resource contradict each other")}
		}
		o.Resource = oauth.NoResource
	}
	switch {
	case o.clientCredentials:
		o.Grant = oauth.GrantClientCredentials
	case o.assertion != "":
		o.Grant = oauth.GrantJWTBearer
	}
	return o.resolveCompany()
}

// check refuses flags that make no sense, before anything is opened.
func (o *options) check() error {
	for _, param := range o.Params {
		name, _, ok := strings.Cut(param, "=")
		if !ok {
			return usageError{hint.With(fmt.Errorf("--auth-param %q is not of the form name=value", name), "write it as --auth-param login_hint=alice@example.com")}
		}
		if err := grant.CheckParam(name); err != nil {
			return usageError{err}
		}
	}
	if err := o.checkConnection(); err != nil {
		return err
	}
	if err := cmp.Or(o.readCommands(), o.checkSource()); err != nil {
		return err
	}
	if err := loopback.CheckSuccess(o.successURL); err != nil {
		return usageError{err}
	}
	if err := o.checkAddresses(); err != nil {
		return usageError{err}
	}
	if _, err := account.CallbackOf(o.Choices, o.Client); err != nil {
		return usageError{err}
	}
	switch {
	case o.TokenEndpoint != "" && !oauth.WithoutPerson(o.Grant):
		return usageError{hint.With(errors.New("--token-endpoint without --client-credentials or --assertion"), "add --client-credentials or --assertion SOURCE, or leave it out: a person's login needs the provider's metadata")}
	case o.clientCredentials && o.assertion != "" && (o.clientKey != "" || o.clientSecretFile != ""):
		return usageError{hint.With(errors.New("both a key or secret and --assertion are to authenticate the client"), "leave out one of them")}
	case o.Grant == oauth.GrantClientCredentials && o.Device:
		return usageError{errors.New("--client-credentials needs no person, and --device asks one")}
	case o.Enterprise != "" && (oauth.WithoutPerson(o.Grant) || o.IDToken):
		return usageError{errors.New("--enterprise signs a person in to the server by an assertion: --client-credentials, --assertion and --id-token do not go with it")}
	case oauth.WithoutPerson(o.Grant) && o.Device:
		return usageError{errors.New("--assertion needs no person, and --device asks one")}
	case o.Device && o.noBrowser:
		o.noBrowser = false // --device opens none here either
	}
	return nil
}

// checkCallback refuses a place for the answer of the browser where nothing can listen.
func (o *options) checkCallback() error {
	where, err := account.CallbackOf(o.Choices, o.Client)
	if err == nil {
		err = where.Check(o.callbackBind)
	}
	if err != nil {
		return usageError{err}
	}
	return nil
}

// checkAddresses refuses addresses that are none, before the server is asked for anything.
func (o *options) checkAddresses() error {
	for _, flag := range []struct{ name, value string }{
		{"--issuer", o.Named}, {"--client-metadata-url", o.MetadataURL}, {"--token-endpoint", o.TokenEndpoint},
	} {
		u, err := url.Parse(flag.value)
		if flag.value == "" || err == nil && u.Hostname() != "" && (u.Scheme == "https" || u.Scheme == "http") {
			continue
		}
		err = fmt.Errorf("%s %q is not an absolute http or https URL", flag.name, flag.value)
		if meant, ok := commandline.Address(flag.value); ok {
			return hint.With(err, "write it as "+flag.name+" "+hint.Quote(meant))
		}
		return hint.With(err, "write it as "+flag.name+" https://id.example.com")
	}
	return nil
}

// secretOfAnotherClient reports whether the variable with a secret is of another client than
// the one that signs in: it is of the one in the other variable, else of the one that
// was said, and never of one that is only kept.
func (o *options) secretOfAnotherClient(getenv func(string) string) bool {
	return getenv(clientSecretName) != "" && cmp.Or(getenv("MCP_LOGIN_CLIENT_ID"), o.givenClientID) != o.ClientID
}

// identity reads the client's secret from where secrets may be: a file or a
// variable, never the command line, which other users can see.
func (o *options) identity(getenv func(string) string, log *slog.Logger) (id grant.Identity, err error) {
	id = grant.Identity{ClientID: o.ClientID, Name: "mcp-login", Chosen: o.Client, Document: build.ClientDocument()}
	secret := getenv(clientSecretName)
	if o.secretOfAnotherClient(getenv) {
		secret = ""
	}
	if o.clientInfo != "" {
		_, given, err := mcpremote.ParseClientInfo(o.clientInfo, mcpremote.Environment{Getenv: getenv, ReadFile: o.files.read})
		if err != nil {
			return id, usageError{fmt.Errorf("read the client's data: %w", err)}
		}
		secret = given.Reveal()
	}
	if o.clientSecretFile != "" {
		b, err := o.files.read(o.clientSecretFile)
		if err != nil {
			return id, usageError{fmt.Errorf("read the client secret: %w", err)}
		}
		secret = strings.TrimSpace(string(b))
	}
	switch { // o.ClientID may be that of the kept login
	case o.ClientID != "":
	case o.Grant == oauth.GrantClientCredentials:
		return id, usageError{hint.With(errors.New("--client-credentials without a client id"), "add --client-id, and --client-secret-file or --client-key")}
	case secret != "":
		return id, usageError{hint.With(errors.New("a client secret without a client id"), "add --client-id")}
	case o.clientKey != "":
		return id, usageError{hint.With(errors.New("a client key without a client id"), "add --client-id")}
	}
	id.ClientSecret = grant.NewSecret(secret)
	if id.Assertion, err = o.tokenSource(getenv, log); err != nil {
		return id, err
	}
	if o.clientKey == "" {
		return id, nil
	}
	b, err := o.files.read(o.clientKey)
	if err != nil {
		return id, usageError{fmt.Errorf("read the client's key: %w", err)}
	}
	if id.ClientKey, err = grant.ParseClientKey(b); err != nil {
		return id, usageError{err}
	}
	return id, nil
}

// checkSource refuses an --assertion that names no source before anything else is said, which
// could repeat it: it may be the token itself. Nothing is read.
func (o *options) checkSource() error {
	_, err := o.tokenSource(nil, nil)
	return err
}

// needsNoSource is for verbs that get no token: the word that hints and lists have in the place
// of the source is as good as one.
func (o *options) needsNoSource() {
	if o.assertion == workload.Unsaid {
		o.assertion = ""
	}
}

// tokenSource is where the token of the platform comes from, nil for nowhere.
func (o *options) tokenSource(getenv func(string) string, log *slog.Logger) (grant.TokenSource, error) {
	if o.assertion == "" {
		return nil, nil
	}
	source, err := workload.Parse(o.assertion, workload.Environment{Getenv: getenv, ReadFile: o.files.read, Log: log})
	if err != nil {
		return nil, usageError{err}
	}
	return source, nil
}

// chosen are the members of the registration that the person has chosen:
// --client-metadata, and its short forms, which win.
func (o *options) chosen() (grant.ClientMetadata, error) {
	chosen, err := o.readClientMetadata()
	if err != nil {
		return "", fmt.Errorf("--client-metadata: %w", err)
	}
	for _, short := range []struct{ flag, name, value string }{{"client-name", "client_name", o.clientName}, {"client-uri", "client_uri", o.clientURI}} {
		if short.value == "" {
			continue
		}
		if chosen, err = chosen.With(short.name, short.value); err != nil {
			return "", fmt.Errorf("--%s: %w", short.flag, err)
		}
	}
	return chosen, nil
}

// readClientMetadata reads --client-metadata: JSON, or the file behind an @; "" is none.
func (o *options) readClientMetadata() (grant.ClientMetadata, error) {
	if o.clientMetadata == "" {
		return "", nil
	}
	data, err := mcpremote.Environment{ReadFile: o.files.read}.Read(o.clientMetadata)
	if err != nil {
		return "", err
	}
	return grant.ParseClientMetadata(data, o.RedirectURI)
}
