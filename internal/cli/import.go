package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mcp-login/internal/account"
	"mcp-login/internal/hint"
	"mcp-login/internal/hosts"
	"mcp-login/internal/mcpremote"
	"mcp-login/internal/oauth"
	"mcp-login/internal/store"
)

// importOptions are the flags of the import.
type importOptions struct {
	store, profile, logLevel string
	remove                   bool
	// words are those of the command line that hints repeat.
	words string
}

func newImport(a *app) *cobra.Command {
	root := a.group(&cobra.Command{
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
	f.StringVar(&o.store, "store", cmp.Or(a.getenv("MCP_LOGIN_STORE"), string(store.KindAuto)), "where to keep logins: auto, keyring, passphrase or file")
	f.StringVar(&o.profile, "profile", "", "account to take them over as")
	f.BoolVar(&o.remove, "delete", false, "remove mcp-remote's files of each login that is kept here now")
	f.StringVar(&o.logLevel, "log-level", cmp.Or(a.getenv("MCP_LOGIN_LOG"), "warn"), "debug, info, warn or error")
	root.AddCommand(cmd)
	return root
}

// importWords are the words of the command line, quoted for a shell, that say which logins
// are meant, and where and as what they are kept.
func importWords(cmd *cobra.Command, urls []string) (words string) {
	for _, name := range []string{"profile", "store"} {
		if flag := cmd.Flag(name); flag.Changed {
			words += " --" + name + " " + hint.Quote(flag.Value.String())
		}
	}
	for _, raw := range urls {
		words += " " + hint.Quote(raw)
	}
	return words
}

// importer is one run of the import.
type importer struct {
	*app
	options    importOptions
	store      *store.Store
	connection account.Connection // by which metadata is fetched
	taken      int                // logins
	left       int                // files of mcp-remote whose login is kept here now
}

func (a *app) importMCPRemote(ctx context.Context, o importOptions, urls []string) error {
	for _, raw := range urls {
		if err := checkURL(raw); err != nil {
			return a.mistake(err)
		}
	}
	if store.Kind(o.store) == store.KindMemory {
		return usageError{hint.With(errors.New("a store in memory keeps nothing"), "choose another --store")}
	}
	log, err := a.logger(o.logLevel)
	if err != nil {
		return err
	}
	st, err := a.openStore(generalOptions{store: o.store}, log)
	if err != nil {
		return err
	}
	folder := a.mcpRemoteFolder()
	found, err := mcpremote.Logins(folder)
	if err != nil {
		return fmt.Errorf("look into mcp-remote's folder: %w", err)
	}
	if len(found) == 0 {
		a.term.Print("no login of mcp-remote in %s", folder)
		return nil
	}
	connection, err := a.connectionOfVariables()
	if err != nil {
		return err
	}
	i := &importer{app: a, options: o, store: st, connection: connection}
	return i.run(ctx, found, a.identities(urls))
}

// mcpRemoteFolder is where mcp-remote keeps its logins.
func (a *app) mcpRemoteFolder() string {
	home, _ := os.UserHomeDir() // "" finds nothing
	return mcpremote.Folder(a.getenv, home)
}

// run takes over what it can, and reports the rest.
func (i *importer) run(ctx context.Context, found []*mcpremote.Login, known []mcpremote.Identity) error {
	var failures []error
	for _, l := range found {
		if !l.Identify(known) {
			i.term.Note("the server of the login in %s is not known", l.Prefix()+"*")
			i.term.Note("hint: name it: mcp-login import mcp-remote URL, as it was given to mcp-remote")
			continue
		}
		if err := i.one(ctx, l); err != nil {
			failures = append(failures, fmt.Errorf("take over the login for %s: %w", l.Identity.Server, err))
		}
	}
	if i.taken > 0 {
		i.term.Note("stop using mcp-remote for these servers: a provider may take the second use of a refresh token for theft")
	}
	if i.left > 0 && !i.options.remove {
		i.term.Note("%d plain files of mcp-remote are still there; to remove them: mcp-login import mcp-remote --delete%s", i.left, i.options.words)
	}
	return errors.Join(failures...)
}

// one takes over one login, unless there is one already.
func (i *importer) one(ctx context.Context, l *mcpremote.Login) error {
	server, err := oauth.CanonicalServer(l.Identity.Server, true)
	if err != nil {
		return err
	}
	key := oauth.Key{Server: server.String(), Profile: i.options.profile, Resource: l.Identity.Resource}
	client := i.connection.Guard(server, account.Settings{}).HTTPClient()
	defer client.CloseIdleConnections()
	cred, taken, err := l.TakeOver(ctx, i.store, client, server, key)
	var failed mcpremote.StoreError
	switch {
	case errors.As(err, &failed):
		return storeError{err}
	case err != nil:
		return err
	case !taken:
		i.term.Print("left %s alone: already signed in%s", server, account.AsAccount(cred))
		return i.removeFiles(l)
	}
	i.taken++
	i.term.Print("took over the login for %s%s", server, account.AsAccount(cred))
	i.term.Print("kept in %s", i.store.Describe(key))
	if l.Identity.Resource != "" {
		i.term.Note("hint: use it with --resource %s", hint.Quote(l.Identity.Resource))
	}
	return i.removeFiles(l)
}

// connectionOfVariables is what variables say about the connection to any server.
func (a *app) connectionOfVariables() (account.Connection, error) {
	general := generalOptions{version: a.version, files: a.files}
	general.register(pflag.NewFlagSet("", pflag.ContinueOnError), a.getenv)
	roots, err := general.roots()
	return account.Connection{UserAgent: agent(general.userAgent, general.version), Roots: roots}, err
}

// removeFiles removes the files of a login that is kept here now, or counts them.
func (i *importer) removeFiles(l *mcpremote.Login) error {
	if !i.options.remove {
		i.left += len(l.Files)
		return nil
	}
	if err := l.Remove(); err != nil {
		return err
	}
	i.term.Print("removed %d plain files of mcp-remote", len(l.Files))
	return nil
}

// identities are what a login may be for: the servers that are named, and those in the
// configuration files of MCP clients.
func (a *app) identities(named []string) (all []mcpremote.Identity) {
	for _, raw := range named {
		all = append(all, mcpremote.Identity{Server: raw})
	}
	system := hosts.ThisSystem(a.getenv)
	for _, c := range hosts.All {
		for _, path := range c.Locations(system) {
			data, err := hosts.Read(path)
			if err != nil || len(data) == 0 {
				continue // config --list says what is wrong with it
			}
			servers, err := c.List(data)
			if err != nil {
				continue
			}
			for _, s := range servers {
				// Both: an entry may have been moved to mcp-login already.
				if kind := s.Kind(); kind == hosts.KindMCPRemote || kind == hosts.KindOwn {
					all = append(all, mcpremote.Identities(s.Arguments())...)
				}
			}
		}
	}
	return all
}
