package cli

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

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
	root.AddCommand(newLogin(a), newLogout(a), newStatus(a), newToken(a), newTools(a), newCall(a), newDoctor(a), newConfig(a), newVersion(a), newMCPRemoteTopic(), newFlagsTopic())
	root.AddCommand(newImport(a))
	root.AddCommand(newTopics(a)...)
	root.SetHelpCommand(newHelp(a))
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) {
		_, _ = io.WriteString(cmd.OutOrStdout(), helpText(cmd, false))
	})
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	if c := child(root, "completion"); c != nil {
		group(c)
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
		Args:          serverArgument,
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
	root.SetFlagErrorFunc(flagError)
	return root
}

// serverArgument takes exactly one absolute URL. A mistyped verb must not
// become a server to bridge to.
func serverArgument(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return usageError{hint.With(errors.New("no server URL"), "run: "+cmd.CommandPath()+" https://example.com/mcp, or "+cmd.CommandPath()+" --help")}
	case len(args) > 1:
		return usageError{hint.With(fmt.Errorf("%d arguments where one URL is expected", len(args)), "quote the URL if it holds blanks or &")}
	case !strings.Contains(args[0], "://"):
		next := "give an address like https://example.com/mcp"
		if similar := similarCommand(cmd.Root(), args[0]); similar != "" {
			next = "did you mean: " + cmd.Root().Name() + " " + similar
		}
		return usageError{hint.With(fmt.Errorf("%q is neither a URL nor a command", args[0]), next)}
	}
	// Plain http is judged with the flags, when the session is opened.
	if _, err := oauth.CanonicalServer(args[0], true); err != nil {
		return usageError{err}
	}
	return nil
}

// serverOrNone takes one URL or nothing.
func serverOrNone(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return serverArgument(cmd, args)
}

// noArguments takes none.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usageError{hint.With(fmt.Errorf("%s does not take %q", cmd.CommandPath(), args[0]), "see "+cmd.CommandPath()+" --help")}
}

// flagError names the flag that was probably meant.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return usageError{err}
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	if best := nearest(unknown.GetSpecifiedName(), names, 3); best != "" {
		return usageError{hint.With(err, "did you mean --"+best)}
	}
	return usageError{hint.With(err, "see "+cmd.CommandPath()+" --help")}
}
