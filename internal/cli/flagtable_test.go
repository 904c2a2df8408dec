package cli

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// everyCommand returns all commands that people see, the root first.
func everyCommand() []*cobra.Command {
	all := []*cobra.Command{newRoot(&app{getenv: env()})}
	for i := 0; i < len(all); i++ {
		for _, c := range all[i].Commands() {
			if !c.Hidden && (c.Runnable() || c.HasSubCommands()) {
				all = append(all, c)
			}
		}
	}
	return all
}

// The help of every command fits into 80 columns, in short and with all flags, and so does
// what is said without a word.
func TestHelpFitsInto80Columns(t *testing.T) {
	for _, c := range everyCommand() {
		for _, first := range []string{"help", "help flags"} {
			words := append(strings.Fields(first), strings.Fields(c.CommandPath())[1:]...)
			code, out, said := runWith(t, "", words)
			if code != exitOK || said != "" || !strings.Contains(out, c.CommandPath()) {
				t.Errorf("%s: %d %s\n%s", words, code, said, out)
			}
			for line := range strings.Lines(out) {
				if utf8.RuneCountInString(strings.TrimRight(line, "\n")) > 80 {
					t.Errorf("%s: %s", words, line)
				}
			}
		}
	}
	code, out, said := runWith(t, "", nil)
	if code != exitUsage || out != "" || strings.Contains(said, "error") || strings.Count(said, "\n  mcp-login ") != 3 || !strings.Contains(said, "mcp-login --help") {
		t.Errorf("%d\n%s\n%s", code, out, said)
	}
}

// A flag with a value says what the value is, in the words of people and not of Go; one
// without has none. The table has each flag of a server once, and no other.
func TestEveryFlagSaysWhatItsValueIs(t *testing.T) {
	declared := pflag.NewFlagSet("", pflag.ContinueOnError)
	new(options).register(declared, env())
	rows := 0
	for _, group := range flagGroups {
		for _, row := range group.flags {
			rows++
			if f := declared.Lookup(row.name); f == nil || f.Hidden || rowOf(row.name).about != row.about {
				t.Errorf("--%s is in the table, and no flag, or twice", row.name)
			}
		}
	}
	declared.VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			rows--
		}
	})
	if rows != 0 {
		t.Errorf("the table has %d flags more than there are", rows)
	}
	for _, c := range everyCommand() {
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if name := valueName(f.Name); !f.Hidden && (name == "") != (f.NoOptDefVal != "") {
				t.Errorf("%s --%s: the value is called %q", c.CommandPath(), f.Name, name)
			}
		})
	}
}

// A verb offers the flags that have an effect in it, and refuses others by saying where they
// have one; login and doctor take a whole entry of a client.
func TestAVerbRefusesFlagsWithoutEffect(t *testing.T) {
	for verb, want := range map[string]struct{ offered, hidden string }{
		"login":  {"header device timeout success-url token-command max-message callback-port", "ignore-tool ping-interval lazy login-patience no-detach"},
		"tools":  {"header device timeout ignore-tool allow-tool max-message", "ping-interval lazy login-patience no-detach"},
		"call":   {"header device timeout ignore-tool allow-tool max-message", "ping-interval lazy login-patience no-detach"},
		"doctor": {"header callback-port callback-bind token-command client-cert device", "success-url timeout assume-pkce ignore-tool ping-interval"},
		"status": {"header transport id-token client-key no-browser connect-timeout callback-port", "token-command header-command callback-bind timeout ignore-tool"},
		"token":  {"token-command header-command id-token token-endpoint ca-file client-key device", "header transport no-browser timeout connect-timeout client-cert ping-interval"},
		"logout": {"client-id client-secret-file issuer resource browser-command ca-file user-agent allow-http", "ping-interval header transport timeout device token-command id-token max-message client-name"},
	} {
		takesEntries := slices.Contains([]string{"login", "doctor"}, verb)
		for _, name := range strings.Fields("profile store log-level " + want.offered) {
			if err := refusalOf(t, verb, name); err != nil || child(newRoot(&app{getenv: env()}), verb).Flags().Lookup(name).Hidden {
				t.Errorf("%s does not offer --%s: %v", verb, name, err)
			}
		}
		for _, name := range strings.Fields(want.hidden) {
			err := refusalOf(t, verb, name)
			if !child(newRoot(&app{getenv: env()}), verb).Flags().Lookup(name).Hidden || (err == nil) != takesEntries {
				t.Errorf("%s: --%s: %v", verb, name, err)
			}
		}
	}
	code, out, said := runWith(t, "", []string{"logout", "--ping-interval", "5s", "--header", "X: s3cret", "https://example.com/mcp"}, "MCP_LOGIN_DIR", t.TempDir())
	const reason = "--ping-interval has no effect here: it is a flag of mcp-login URL; --header has no effect here: it is a flag of mcp-login URL\n"
	if code != exitUsage || out != "" || strings.Contains(said, "s3cret") || !strings.Contains(said, reason) || !strings.HasSuffix(said, "did you mean: mcp-login logout https://example.com/mcp\n") {
		t.Errorf("%d\n%s%s", code, out, said)
	}
}

// refusalOf is what a verb says of a flag before it runs, if it says that it has no effect.
func refusalOf(t *testing.T, verb, flag string) error {
	t.Helper()
	c := child(newRoot(&app{getenv: env()}), verb)
	value := map[string]string{"DURATION": "=1s", "SIZE": "=1", "PORT": "=1", "": ""}
	given, ok := value[valueName(flag)]
	if !ok {
		given = "=x"
	}
	must(t, c.ParseFlags([]string{"--" + flag + given}))
	if err := c.PreRunE(c, nil); err != nil && strings.Contains(err.Error(), "no effect") {
		return err
	}
	return nil
}
