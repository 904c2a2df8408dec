package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mcp-login/internal/hint"
)

// subject is what a flag is about. A verb names the subjects that it has to do with: flags
// about others have no effect there, and are neither offered nor taken.
type subject uint16

const (
	accounts  subject = 1 << iota // which account is meant, where it is kept, how its provider is asked
	choices                       // what is kept with an account besides, and said again when it has to sign in
	signIns                       // a sign-in under way
	listeners                     // where the answer of a browser may come
	browsers                      // how a browser is opened
	servers                       // requests to the server
	programs                      // programs that print a header or a token
	filters                       // which tools are shown
	relays                        // what a client gets besides

	// entries marks a verb that takes the whole command line of a client's entry, so that
	// it can be copied from there, although some of it has no effect.
	entries
)

// flagGroups are the flags of a server in the order of the help. The first group is shown by
// every verb, the others by help flags.
var flagGroups = []flagGroup{
	{"Common flags", []flagRow{
		{"profile", "NAME", accounts},
		{"client-id", "ID", accounts},
		{"scope", "SCOPES", accounts},
		{"header", "'NAME: VALUE'", servers},
		{"device", "", choices},
		{"no-browser", "", browsers},
		{"store", "STORE", accounts},
		{"log-level", "LEVEL", accounts},
	}},
	{"Flags about the server", []flagRow{
		{"transport", "TRANSPORT", servers},
		{"allow-http", "", accounts},
		{"header-file", "FILE", servers},
		{"header-command", "'NAME: COMMAND'", programs},
		{"token-command", "COMMAND", programs},
		{"id-token", "", choices},
	}},
	{"Flags about the sign-in", []flagRow{
		{"issuer", "URL", accounts},
		{"accept-issuer", "URL", accounts},
		{"client-secret-file", "FILE", accounts},
		{"client-key", "FILE", accounts},
		{"client-metadata-url", "URL", choices},
		{"client-name", "NAME", choices},
		{"client-uri", "URL", choices},
		{"client-metadata", "JSON|@FILE", accounts},
		{"client-credentials", "", accounts},
		{"token-endpoint", "URL", choices},
		{"resource", "URI", accounts},
		{"no-resource", "", accounts},
		{"auth-param", "NAME=VALUE", accounts},
		{"browser-command", "COMMAND", browsers},
		{"callback-port", "PORT", choices},
		{"callback-host", "HOST", choices},
		{"callback-path", "PATH", choices},
		{"callback-bind", "ADDRESS", listeners},
		{"redirect-uri", "URI", choices},
		{"success-url", "URL", signIns},
		{"timeout", "DURATION", signIns},
		{"assume-pkce", "", signIns},
	}},
	{"Flags about the relay", []flagRow{
		{"ignore-tool", "PATTERN", filters},
		{"allow-tool", "PATTERN", filters},
		{"lazy", "", relays},
		{"login-patience", "DURATION", relays},
		{"no-detach", "", relays},
		{"ping-interval", "DURATION", relays},
		{"max-message", "SIZE", servers},
	}},
	{"Flags about the network", []flagRow{
		{"connect-timeout", "DURATION", servers},
		{"headers-timeout", "DURATION", servers},
		{"body-timeout", "DURATION", servers},
		{"ipv4", "", servers},
		{"no-cookies", "", servers},
		{"ca-file", "FILE", accounts},
		{"client-cert", "FILE", servers},
		{"client-cert-key", "FILE", servers},
		{"user-agent", "TEXT", accounts},
	}},
}

type flagGroup struct {
	title string
	flags []flagRow
}

type flagRow struct {
	name, value string // value stands for the flag's value, "" if it takes none
	about       subject
}

// ownValues are the names of values of flags that single verbs have.
var ownValues = map[string]string{"arg": "NAME=VALUE", "command": "PROGRAM", "file": "FILE", "name": "NAME", "remove": "NAME"}

// valueName is what stands for the value of a flag, "" for one that takes none.
func valueName(flag string) string {
	if row := rowOf(flag); row != nil {
		return row.value
	}
	return ownValues[flag]
}

// rowOf is the row of a flag in the table, nil if it has none.
func rowOf(flag string) *flagRow {
	for _, group := range flagGroups {
		for i := range group.flags {
			if group.flags[i].name == flag {
				return &group.flags[i]
			}
		}
	}
	return nil
}

// unused calls f for each flag of the table that has no effect where uses are the subjects.
func unused(flags *pflag.FlagSet, uses subject, f func(*pflag.Flag)) {
	for _, group := range flagGroups {
		for _, row := range group.flags {
			if row.about&uses == 0 {
				f(flags.Lookup(row.name))
			}
		}
	}
}

// refuseUnused refuses flags that have no effect in a verb, and says where they have one.
func refuseUnused(cmd *cobra.Command, uses subject) error {
	var names, where []string
	unused(cmd.Flags(), uses, func(f *pflag.Flag) {
		if f.Changed {
			names = append(names, "--"+f.Name)
			where = append(where, "--"+f.Name+" (it is for "+strings.Join(usersOf(f.Name, cmd.Root()), ", ")+")")
		}
	})
	if len(names) == 0 || uses&entries != 0 {
		return nil
	}
	return usageError{hint.With(fmt.Errorf("no effect in %s: %s", cmd.CommandPath(), strings.Join(names, ", ")), "leave out "+strings.Join(where, " and "))}
}

// usersOf names the command lines in which a flag has an effect.
func usersOf(flag string, root *cobra.Command) []string {
	users := []string{root.Use}
	for _, c := range root.Commands() {
		if f := c.Flags().Lookup(flag); f != nil && !f.Hidden {
			users = append(users, c.Name())
		}
	}
	return users
}
