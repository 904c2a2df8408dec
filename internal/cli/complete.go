package cli

import (
	"context"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mcp-login/internal/foreign"
	"mcp-login/internal/hosts"
	"mcp-login/internal/oauth"
	"mcp-login/internal/store"
	"mcp-login/internal/terminal"
)

// flagChoices are the flags that take one of a few words.
var flagChoices = map[string][]string{
	"callback-host": {"127.0.0.1", "localhost", "::1"},
	"log-level":     {"debug", "info", "warn", "error"},
	"resource":      {"none"},
	"store":         {string(store.KindAuto), string(store.KindKeyring), string(store.KindPassphrase), string(store.KindFile), string(store.KindMemory)},
	"transport":     slices.Sorted(maps.Keys(transports)),
}

// complete tells a command, and those below it, what a shell may offer for their words: what
// is named in the program, in the index of the store, or in the clients' configurations. The
// keyring, the network and the person are not asked.
func (a *app) complete(cmd *cobra.Command) {
	cmd.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if offer := a.offersFor(f.Name); offer != nil {
			_ = cmd.RegisterFlagCompletionFunc(f.Name, offer) // each flag once
		}
	})
	if cmd.Flags().Lookup("issuer") != nil { // it is about a server
		cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return a.keptServers(cmd), cobra.ShellCompDirectiveNoFileComp
		}
	}
	for _, c := range cmd.Commands() {
		a.complete(c)
	}
}

// offersFor returns what offers values of a flag, nil for one whose values nobody knows.
func (a *app) offersFor(flag string) cobra.CompletionFunc {
	only := func(values func(cmd *cobra.Command, args []string) []string) cobra.CompletionFunc {
		return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			return values(cmd, args), cobra.ShellCompDirectiveNoFileComp
		}
	}
	if choices := flagChoices[flag]; choices != nil {
		return only(func(cmd *cobra.Command, _ []string) []string {
			if flag == "store" && cmd.HasParent() && cmd.Parent().Name() == "import" {
				choices = choices[:len(choices)-1] // what is taken over is to stay
			}
			return choices
		})
	}
	switch name := valueName(flag); {
	case flag == "profile":
		return only(a.keptProfiles)
	case flag == "remove":
		return only(a.entryNames)
	case name == "FILE", name == "PROGRAM", name == "COMMAND", strings.HasSuffix(name, "@FILE"):
		return cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault) // files
	}
	return nil
}

// keptLogins are the logins in the index of the store that a command line is about.
func (a *app) keptLogins(cmd *cobra.Command) []store.Entry {
	kind := string(store.KindAuto)
	if f := cmd.Flags().Lookup("store"); f != nil {
		kind = f.Value.String()
	}
	silent := &app{getenv: a.getenv, term: terminal.New(terminal.Config{Out: io.Discard, Err: io.Discard})}
	st, err := silent.openStore(generalOptions{store: kind}, nil)
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), lookTimeout)
	defer cancel()
	return slices.DeleteFunc(st.Indexed(ctx), func(e store.Entry) bool { return !e.HasToken && !e.Established })
}

// keptServers are the servers of these logins, with their accounts.
func (a *app) keptServers(cmd *cobra.Command) []string {
	about := map[string][]string{}
	for _, e := range a.keptLogins(cmd) {
		if e.Key.Grant == oauth.GrantEnterprise { // no server
			continue
		}
		about[e.Key.Server] = append(about[e.Key.Server], e.Account)
	}
	return offers(about)
}

// keptProfiles are the profiles of these logins, with their servers: of the server that is on
// the command line, or of all.
func (a *app) keptProfiles(cmd *cobra.Command, args []string) []string {
	about := map[string][]string{}
	for _, e := range a.keptLogins(cmd) {
		if name := e.Key.Profile; name != "" && (len(args) == 0 || slices.Contains(args, e.Key.Server)) {
			about[name] = append(about[name], e.Key.Server)
		}
	}
	return offers(about)
}

// entryNames are the names of the entries of a client, or of all.
func (a *app) entryNames(cmd *cobra.Command, args []string) []string {
	about := map[string][]string{}
	for _, c := range hosts.All {
		if len(args) > 0 && args[0] != c.ID {
			continue
		}
		file, _ := cmd.Flags().GetString("file")
		for _, path := range a.hostFiles(configOptions{file: file}, c) {
			for _, s := range a.listOne(c, path).Servers {
				about[s.Name] = append(about[s.Name], c.Title)
			}
		}
	}
	return offers(about)
}

// offers are words, each with what explains it behind a tab.
func offers(about map[string][]string) (words []string) {
	for _, word := range slices.Sorted(maps.Keys(about)) {
		words = append(words, foreign.Line(word)+"\t"+foreign.Line(strings.Join(about[word], ", ")))
	}
	return words
}
