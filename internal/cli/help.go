package cli

import (
	"errors"
	"fmt"
	"strings"

	"mcp-login/internal/hint"

	"github.com/spf13/cobra"
)

// newHelp replaces cobra's help, which answers a word it does not know with the
// main page and success.
func newHelp(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND | TOPIC]",
		Short: "Explain a command, or a topic",
		Long:  "help explains a command, or one of the topics environment, exit-codes, storage, headless,\nproxies, logto and mcp-remote.",
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			var words []string
			if at, rest, err := cmd.Root().Find(args); err == nil && len(rest) == 0 {
				for _, c := range at.Commands() {
					if !c.Hidden {
						words = append(words, c.Name()+"\t"+c.Short)
					}
				}
			}
			return words, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			at := cmd.Root()
			for _, word := range args {
				next := child(at, word)
				if next == nil {
					return usageError{hint.With(fmt.Errorf("there is no help on %q", word), nearestCommand(at, word))}
				}
				at = next
			}
			at.SetOut(a.term.Out())
			at.InitDefaultHelpFlag()
			return at.Help()
		},
	}
}

func child(parent *cobra.Command, word string) *cobra.Command {
	for _, c := range parent.Commands() {
		if c.Name() == word || c.HasAlias(word) {
			return c
		}
	}
	return nil
}

// nearestCommand names the command that was probably meant, else where they are
// listed.
func nearestCommand(parent *cobra.Command, word string) string {
	if best := similarCommand(parent, word); best != "" {
		return "did you mean: " + best
	}
	return "see " + parent.CommandPath() + " --help"
}

// similarCommand is the command that is up to two letters away, or begins with
// word; "" if there is none.
func similarCommand(parent *cobra.Command, word string) string {
	var names []string
	for _, c := range parent.Commands() {
		if !c.Hidden {
			names = append(names, c.Name())
		}
	}
	if best := nearest(word, names, 1); best != "" {
		return best
	}
	for _, name := range names {
		if editDistance(word, name) == 2 || len(word) > 1 && strings.HasPrefix(name, word) {
			return name
		}
	}
	return ""
}

// group makes a command that only has commands below it refuse everything else:
// cobra would print its help and call that success.
func group(cmd *cobra.Command) *cobra.Command {
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usageError{hint.With(errors.New(cmd.CommandPath()+" needs a further word"), "see "+cmd.CommandPath()+" --help")}
		}
		return usageError{hint.With(fmt.Errorf("%s does not know %q", cmd.CommandPath(), args[0]), nearestCommand(cmd, args[0]))}
	}
	cmd.RunE = func(*cobra.Command, []string) error { return nil }
	return cmd
}
