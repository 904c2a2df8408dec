package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"mcp-login/internal/hint"
	"mcp-login/internal/oauth"
	"mcp-login/internal/store"
)

// importOptions are the flags of the import.
type importOptions struct {
	store, profile, logLevel string
	remove                   bool
	// words are those of the command line that hints say again.
	words string
}

func newImport(a *app) *cobra.Command {
	root := group(&cobra.Command{
		Use:   "import",
		Short: "Take over logins from another program",
	})
	var o importOptions
	cmd := &cobra.Command{
		Use:     "mcp-remote [URL...]",
		Short:   "Take over the logins of npm mcp-remote",
		Long:    "import mcp-remote takes over client registrations and tokens from mcp-remote's folder\n(MCP_REMOTE_CONFIG_DIR, else ~/.mcp-auth), and asks each provider once where it renews\ntokens. mcp-remote does not note which server a login is for: those in the configuration\nof your MCP clients are found, others are named as URL. Its files stay, unless --delete\nis given.",
		Example: "  $ mcp-login import mcp-remote\n  $ mcp-login import mcp-remote https://example.com/mcp\n  $ mcp-login import mcp-remote --delete",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.words = importWords(cmd, args)
			return a.importMCPRemote(cmd.Context(), o, args)
		},
	}
	f := cmd.Flags()
	kind := a.getenv("MCP_LOGIN_STORE")
	if kind == "" {
		kind = string(store.KindAuto)
	}
	level := a.getenv("MCP_LOGIN_LOG")
	if level == "" {
		level = "warn"
	}
	f.StringVar(&o.store, "store", kind, "where to keep logins: auto, keyring, passphrase or file")
	f.StringVar(&o.profile, "profile", "", "account to take them over as")
	f.BoolVar(&o.remove, "delete", false, "remove mcp-remote's files of each login that is kept here now")
	f.StringVar(&o.logLevel, "log-level", level, "debug, info, warn or error")
	root.AddCommand(cmd)
	return root
}

// importWords are the words, for a shell, that say again which logins are meant, and as
// what they are kept.
func importWords(cmd *cobra.Command, urls []string) (words string) {
	for _, name := range []string{"profile", "store"} {
		if flag := cmd.Flag(name); flag.Changed {
			words += " --" + name + " " + oauth.Quoted(flag.Value.String())
		}
	}
	for _, raw := range urls {
		words += " " + oauth.Quoted(raw)
	}
	return words
}

// importer is one run of the import.
type importer struct {
	*app
	options importOptions
	store   *store.Store
	taken   int
	kept    int // plain files of logins that are kept here now
}

func (a *app) importMCPRemote(ctx context.Context, o importOptions, urls []string) error {
	for _, raw := range urls {
		if _, err := oauth.CanonicalServer(raw, true); err != nil {
			return usageError{err}
		}
	}
	if store.Kind(o.store) == store.KindMemory {
		return usageError{hint.With(errors.New("a store in memory keeps nothing"), "choose another --store")}
	}
	log, err := a.logger(o.logLevel)
	if err != nil {
		return err
	}
	st, err := a.openStore(o.store, log)
	if err != nil {
		return err
	}
	home, _ := os.UserHomeDir() // "" finds nothing
	folder := mcpRemoteFolder(a.getenv, home)
	found, err := readMCPRemote(folder)
	if err != nil {
		return fmt.Errorf("look into mcp-remote's folder: %w", err)
	}
	if len(found) == 0 {
		a.term.Print("no login of mcp-remote in %s", folder)
		return nil
	}
	i := &importer{app: a, options: o, store: st}
	return i.run(ctx, found, a.identities(urls, home))
}

// run takes over what it can, and reports the rest.
func (i *importer) run(ctx context.Context, found []*remoteLogin, known []remoteIdentity) error {
	var failures []error
	for _, l := range found {
		if !l.identify(known) {
			i.term.Note("the server of the login in %s is not known", l.prefix()+"*")
			i.term.Note("hint: name it: mcp-login import mcp-remote URL, as it was given to mcp-remote")
			continue
		}
		if err := i.one(ctx, l); err != nil {
			failures = append(failures, fmt.Errorf("take over the login for %s: %w", l.identity.server, err))
		}
	}
	if i.taken > 0 {
		i.term.Note("stop using mcp-remote for these servers: a provider may take the second use of a refresh token for theft")
	}
	if i.kept > 0 && !i.options.remove {
		i.term.Note("%d plain files of mcp-remote are still there; to remove them: mcp-login import mcp-remote --delete%s", i.kept, i.options.words)
	}
	return errors.Join(failures...)
}

// one takes over one login, unless there is one already.
func (i *importer) one(ctx context.Context, l *remoteLogin) error {
	server, err := oauth.CanonicalServer(l.identity.server, true)
	if err != nil {
		return err
	}
	key := oauth.Key{Server: server.String(), Profile: i.options.profile, Resource: l.identity.resource}
	unlock, err := i.store.Lock(ctx, key)
	if err != nil {
		return storeError{err}
	}
	defer unlock()
	switch cred, err := i.store.Load(ctx, key); {
	case err == nil && cred.HasToken():
		i.term.Print("left %s alone: already signed in%s", server, asAccount(cred))
		return i.plain(l)
	case err != nil && !errors.Is(err, oauth.ErrNotFound):
		return storeError{err}
	}
	cred, err := i.credential(ctx, server, key, l)
	if err != nil {
		return err
	}
	if err := i.store.Save(ctx, key, cred); err != nil {
		return storeError{err}
	}
	i.taken++
	i.term.Print("took over the login for %s%s", server, asAccount(cred))
	i.term.Print("kept in %s", i.store.Describe(ctx, key))
	if l.identity.resource != "" {
		i.term.Note("hint: use it with --resource %s", oauth.Quoted(l.identity.resource))
	}
	return i.plain(l)
}

// plain removes or counts the files of a login that is kept here now.
func (i *importer) plain(l *remoteLogin) error {
	if !i.options.remove {
		i.kept += len(l.files)
		return nil
	}
	for _, path := range l.files {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove a file of mcp-remote: %w", err)
		}
	}
	i.term.Print("removed %d plain files of mcp-remote", len(l.files))
	return nil
}

// mcpRemoteFolder is where mcp-remote keeps its files.
func mcpRemoteFolder(getenv func(string) string, home string) string {
	if dir := getenv("MCP_REMOTE_CONFIG_DIR"); dir != "" {
		return dir
	}
	return filepath.Join(home, ".mcp-auth")
}

// credential builds what is kept from what mcp-remote knew and what the
// provider says about itself.
func (i *importer) credential(ctx context.Context, server *url.URL, key oauth.Key, l *remoteLogin) (oauth.Credential, error) {
	cred, err := l.credential(key)
	if err != nil {
		return cred, err
	}
	p := provider{client: (&options{userAgent: i.getenv(userAgentName)}).guard(server).HTTPClient()}
	defer p.client.CloseIdleConnections()
	meta, err := p.metadata(ctx, cred.Issuer)
	if err != nil {
		return cred, err
	}
	cred.TokenEndpoint, cred.RevocationEndpoint, cred.EndSessionEndpoint = meta.TokenEndpoint, meta.RevocationEndpoint, meta.EndSessionEndpoint
	switch l.identity.resource {
	case "":
		cred.Resource, err = p.resource(ctx, server, key, cred.Issuer, l.audience())
	case oauth.NoResource:
	default:
		cred.Resource = l.identity.resource
	}
	return cred, err
}
