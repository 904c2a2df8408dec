package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mcp-login/internal/account"
	"mcp-login/internal/hint"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/grant"
	"mcp-login/internal/store"
)

// enterpriseSecretName is the variable with the secret of the client at the company's
// provider.
const enterpriseSecretName = "MCP_LOGIN_ENTERPRISE_CLIENT_SECRET" //nolint:gosec // a name, no credential

// registerCompany declares the flags about the company's provider.
func (o *options) registerCompany(f *pflag.FlagSet) {
	f.StringVar(&o.Enterprise, "enterprise", "", "sign in at the company's provider, with this issuer, which vouches for the person at the server")
	f.StringVar(&o.EnterpriseClientID, "enterprise-client-id", "", "client registered by hand at the company's provider")
	f.StringVar(&o.enterpriseSecretFile, "enterprise-client-secret-file", "", "file with its secret; or set "+enterpriseSecretName)
	f.StringVar(&o.idTokenFile, "enterprise-id-token-file", "", "file with an ID token of the company's provider, instead of a sign-in there")
}

// resolveCompany makes the address of the company's provider the one that its login is kept
// under.
func (o *options) resolveCompany() (err error) {
	if o.Enterprise == "" {
		return nil
	}
	if o.Enterprise, err = oauth.CanonicalIssuer(o.Enterprise, o.allowHTTP); err != nil {
		return usageError{hint.With(fmt.Errorf("--enterprise: %w", err), "write it as --enterprise https://id.example.com, the issuer of the company's provider")}
	}
	return nil
}

// companyWords are the flags about the company's provider that do not make the account.
func (o *options) companyWords() (words []string) {
	if o.changed("enterprise-client-secret-file") {
		words = append(words, "--enterprise-client-secret-file", o.enterpriseSecretFile)
	}
	if o.changed("enterprise-id-token-file") {
		words = append(words, "--enterprise-id-token-file", o.idTokenFile)
	}
	return words
}

// serverOrCompany takes one URL, or none where --enterprise names what the command is
// about.
func (a *app) serverOrCompany(cmd *cobra.Command, args []string) error {
	if len(args) == 0 && cmd.Flags().Changed("enterprise") {
		return nil
	}
	return a.serverArgument(cmd, args)
}

// aboutCompany are the options of a command about the login at the company's provider
// itself, and the address in the place of the server's.
func (o options) aboutCompany() (options, string) {
	address, chosen := o.Enterprise, o.Client
	o.Settings = o.Company()
	o.Client = chosen // here it can be for nobody else
	o.clientSecretFile, o.clientKey, o.clientInfo = "", "", ""
	return o, address
}

// companyIdentity is the client to be at the company's provider.
func (o *options) companyIdentity(getenv func(string) string, s account.Settings) (grant.Identity, error) {
	id := grant.Identity{ClientID: s.ClientID, Name: "mcp-login", Chosen: s.Client}
	secret := getenv(enterpriseSecretName)
	if o.enterpriseSecretFile != "" {
		b, err := o.files.read(o.enterpriseSecretFile)
		if err != nil {
			return id, usageError{fmt.Errorf("read the client secret: %w", err)}
		}
		secret = strings.TrimSpace(string(b))
	}
	if secret != "" && id.ClientID == "" {
		return id, usageError{hint.With(errors.New("a client secret of the company's provider without a client id"), "add --enterprise-client-id")}
	}
	id.ClientSecret = grant.NewSecret(secret)
	return id, nil
}

// company is the account of the company's provider for the server that c is the account of,
// nil if there is none.
func (a *app) company(ctx context.Context, st *store.Store, o options, c account.Config) (*account.Config, error) {
	said := c.Settings
	switch {
	case said.Enterprise != "" || said.Grant == oauth.GrantEnterprise:
	case o.EnterpriseClientID+o.enterpriseSecretFile+o.idTokenFile != "":
		return nil, usageError{hint.With(errors.New("a flag about the company's provider without --enterprise"), "add --enterprise https://id.example.com, the issuer of that provider")}
	}
	if said.Enterprise == "" || o.serverAlone {
		return nil, nil //nolint:nilnil // as it says
	}
	address, err := url.Parse(said.Enterprise)
	if err != nil {
		return nil, usageError{errors.New("--enterprise is not a URL")}
	}
	o.kept, o.choice, o.through = nil, nil, &c.Choice
	o.Settings = said.Company()
	company := c
	if company.Choice, err = a.choose(ctx, st, o, address, c.Purpose); err != nil {
		return nil, err
	}
	return &company, a.asCompany(&company, o)
}

// asCompany makes c the account of a company's provider: nothing that was given for a server
// goes there.
func (a *app) asCompany(c *account.Config, o options) (err error) {
	c.Connection = o.conn
	c.Connection.Certificates = nil
	c.LoginFlags = append(o.companyWords(), o.storeWords()...)
	if o.changed("ca-file") {
		for _, file := range o.caFiles {
			c.LoginFlags = append(c.LoginFlags, "--ca-file", file)
		}
	}
	c.Identity, err = o.companyIdentity(a.variables(o), c.Settings)
	return err
}

// readIDToken reads the ID token that was given, each time that one is needed: it may have
// been replaced.
func (o *options) readIDToken() func() (grant.Secret, error) {
	if o.idTokenFile == "" {
		return nil
	}
	return func() (grant.Secret, error) {
		b, err := o.files.read(o.idTokenFile)
		if err != nil {
			return grant.Secret{}, fmt.Errorf("read the ID token: %w", err)
		}
		return grant.NewSecret(strings.TrimSpace(string(b))), nil
	}
}

// uses reports whether e is a server that is signed in to through company.
func uses(e store.Entry, company oauth.Key) bool {
	e.Key.EnterpriseClientID = cmp.Or(e.Key.EnterpriseClientID, e.EnterpriseClientID)
	return e.Key.Uses(company)
}

// usedBy are the servers that use the login at a company's provider, nil for another login.
func usedBy(kept []store.Entry, login store.Entry) []string {
	if login.Key.Grant != oauth.GrantEnterprise {
		return nil
	}
	servers := []string{}
	for _, e := range kept {
		if uses(e, login.Key) && (e.HasToken || e.Established) {
			servers = append(servers, e.Key.Server)
		}
	}
	return servers
}

// logoutCompany ends the login at the company's provider, and those of the servers that it
// has led to, which nothing renews any more.
func (a *app) logoutCompany(ctx context.Context, o options, with logoutOptions) error {
	st, kept, err := a.kept(ctx, o)
	if err != nil {
		return err
	}
	o, address := o.aboutCompany()
	server, err := url.Parse(address)
	if err != nil {
		return usageError{err}
	}
	choice, err := a.find(ctx, st, kept, o, server, account.ForInspect)
	if err != nil {
		return err
	}
	o.choice = &choice
	report := logoutReport{schemaVersion, []logoutRow{}}
	var failures []error
	for _, e := range kept {
		if !uses(e, choice.Key) {
			continue
		}
		row, err := a.logout(ctx, o.forKept(e), e.Key.Server, logoutOptions{quiet: with.quiet, registration: with.registration})
		if err == nil && row.Outcome != logoutNone {
			report.Logouts = append(report.Logouts, row)
		}
		failures = append(failures, err)
	}
	row, err := a.logout(ctx, o, address, with)
	if failures = append(failures, err); err == nil {
		report.Logouts = append(report.Logouts, row)
	}
	err = errors.Join(failures...)
	if err == nil && with.quiet {
		return a.term.JSON(report)
	}
	return err
}
