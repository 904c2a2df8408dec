package cli

import (
	"errors"

	"github.com/spf13/pflag"
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
		{"assertion", "SOURCE", accounts},
		{"enterprise", "URL", accounts},
		{"enterprise-client-id", "ID", accounts},
		{"enterprise-client-secret-file", "FILE", accounts},
		{"enterprise-id-token-file", "FILE", accounts},
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

// noEffect marks flags that have no effect in a verb, which it refuses.
const noEffect = "no effect"

// offer hides the flags of the table that have no effect where uses are the subjects.
func offer(flags *pflag.FlagSet, uses subject) {
	for _, group := range flagGroups {
		for _, row := range group.flags {
			if row.about&uses != 0 {
				continue
			}
			flags.Lookup(row.name).Hidden = true
			if uses&entries == 0 {
				_ = flags.SetAnnotation(row.name, noEffect, nil) // it exists
			}
		}
	}
}

func hasNoEffect(f *pflag.Flag) bool {
	_, marked := f.Annotations[noEffect]
	return marked
}

// refused says why flags that were given are not taken here: one has no effect, or a value
// that is none of its choices.
func refused(flags *pflag.FlagSet) (err error) {
	flags.Visit(func(f *pflag.Flag) {
		switch {
		case hasNoEffect(f):
			err = errors.New("a flag has no effect here")
		case otherChoice(f, f.Value.String()):
			err = errArguments
		}
	})
	return err
}
