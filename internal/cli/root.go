package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mcp-login/internal/commandline"
	"mcp-login/internal/hint"
	"mcp-login/internal/oauth"
)

const rootExample = `  # in the configuration of an MCP client
  {"mcpServers": {"example": {
    "command": "mcp-login", "args": ["https://example.com/mcp"]}}}

  # at a terminal
  $ mcp-login config cursor https://example.com/mcp --write
  $ mcp-login login https://example.com/mcp
  $ mcp-login status`

// newRoot builds the command tree. The root with a URL is the bridge.
func newRoot(a *app) *cobra.Command {
	root := newBridge(a)
	root.AddCommand(newLogin(a), newLogout(a), newStatus(a), newToken(a), newTools(a), newCall(a), newDoctor(a), newConfig(a), newUninstall(a), newVersion(a), newMCPRemoteTopic(), newFlagsTopic(a))
	root.AddCommand(newImport(a))
	root.AddCommand(newTopics(a)...)
	root.SetHelpCommand(newHelp(a))
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) {
		_, _ = io.WriteString(cmd.OutOrStdout(), helpText(cmd, a.term.PageColumns()))
	})
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	if c := child(root, "completion"); c != nil {
		a.group(c)
		for _, shell := range c.Commands() {
			shell.Args = noArguments
		}
	}
	return root
}

// plainBridge reports whether a command line can only be the bridge's: then
// the verbs and their flags, which would make every start of a client slower, are not
// built.
func plainBridge(args []string) bool {
	wantsHelp := func(arg string) bool { return arg == "-h" || strings.HasPrefix(arg, "--help") } // help lists the verbs
	return len(args) > 0 && strings.Contains(args[0], "://") && !slices.ContainsFunc(args, wantsHelp)
}

// newBridge builds the root without the verbs.
func newBridge(a *app) *cobra.Command {
	var o options
	root := &cobra.Command{
		Use:           "mcp-login URL",
		Short:         "Use a remote MCP server from a local client, signing in when it asks",
		Long:          "mcp-login relays between an MCP client on stdin and stdout and a remote MCP server,\nand signs in with OAuth when the server asks for it. Put it into the client's configuration.",
		Example:       rootExample,
		Args:          a.serverArgument,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.bridge(cmd.Context(), o, args[0])
		},
	}
	o.bind(root, a, ^entries)
	root.PersistentPreRun = func(cmd *cobra.Command, _ []string) {
		if cmd != root {
			a.verb = cmd.Name()
		}
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, _ error) error { // its words may show a secret
		return a.mistake(hint.With(errArguments, "see "+cmd.CommandPath()+" --help"))
	})
	return root
}

// serverArgument takes exactly one absolute URL. A mistyped verb must not
// become a server to bridge to.
func (a *app) serverArgument(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return a.mistake(hint.With(errNoURL, "run: "+cmd.CommandPath()+" https://example.com/mcp, or "+cmd.CommandPath()+" --help"))
	}
	// Plain http is judged with the flags, when the session is opened.
	err := checkURL(args[0])
	if err != nil || len(args) > 1 {
		return a.mistake(cmp.Or(err, errArguments))
	}
	return nil
}

// checkURL refuses what is not the address of a server, or hardly can be meant.
func checkURL(raw string) error {
	if _, err := oauth.CanonicalServer(raw, true); err != nil {
		return err
	}
	if commandline.Doubtful(raw) {
		return errArguments
	}
	return nil
}

// errNoURL is a command line without a server.
var errNoURL = errors.New("no server URL")

// errArguments is a command line with words that nothing is made of.
var errArguments = errors.New("the command line has words that do not belong there")

// serverOrNone takes one URL or nothing.
func (a *app) serverOrNone(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return a.serverArgument(cmd, args)
}

// noArguments takes none.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usageError{hint.With(fmt.Errorf("%s does not take %q", cmd.CommandPath(), args[0]), "see "+cmd.CommandPath()+" --help")}
}
