package cli

import (
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/spf13/cobra"

	"mcp-login/docs"
	"mcp-login/internal/hint"
	"mcp-login/internal/mcpremote"
)

// newHelp replaces cobra's help, which answers a word it does not know with the
// main page and success.
func newHelp(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND | TOPIC | flags [COMMAND]]",
		Short: "Explain a command, a topic, or all flags",
		Long:  "help explains a command, or one of the topics that mcp-login --help lists. help flags lists all flags of the bridge, or of a command.",
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 && args[0] == flagsTopic {
				args = args[1:]
			}
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
			at, help := cmd.Root(), (*cobra.Command).Help
			for i, word := range args {
				if i == 0 && word == flagsTopic {
					help = a.helpOnFlags
					continue
				}
				next := child(at, word)
				if next == nil {
					return usageError{hint.With(fmt.Errorf("there is no help on %q", word), helpOn(at, word))}
				}
				at = next
			}
			at.SetOut(a.term.Out())
			return help(at)
		},
	}
}

// flagsTopic is the topic that is made of the flags themselves.
const flagsTopic = "flags"

// newFlagsTopic is "help flags".
func newFlagsTopic(a *app) *cobra.Command {
	topic := &cobra.Command{Use: flagsTopic, Short: "Every flag; with a command behind it, the flags of that"}
	topic.SetHelpFunc(func(cmd *cobra.Command, _ []string) { _ = a.helpOnFlags(cmd.Root()) })
	return topic
}

// helpOnFlags prints all flags of a command.
func (a *app) helpOnFlags(cmd *cobra.Command) error {
	w := helpWriter{columns: a.term.PageColumns()}
	w.text("All flags of " + strings.TrimSuffix(usageLine(cmd), " [FLAGS]"))
	w.flags(cmd.Flags(), true)
	_, err := io.WriteString(cmd.OutOrStdout(), w.String())
	return err
}

func child(parent *cobra.Command, word string) *cobra.Command {
	for _, c := range parent.Commands() {
		if c.Name() == word || c.HasAlias(word) {
			return c
		}
	}
	return nil
}

// helpOn is what to do about a word that there is no help on.
func helpOn(parent *cobra.Command, word string) string {
	names := (&repair{cmd: parent}).similarCommands(word, false)
	if len(names) == 0 {
		return "see " + parent.CommandPath() + " --help"
	}
	root := parent.Root().Name()
	return "did you mean: " + root + " help" + strings.TrimPrefix(parent.CommandPath(), root) + " " + strings.Join(names, ", or: "+root+" help ")
}

// group makes a command that only has commands below it refuse everything else:
// cobra would print its help and call that success.
func (a *app) group(cmd *cobra.Command) *cobra.Command {
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usageError{hint.With(errors.New(cmd.CommandPath()+" needs a further word"), "see "+cmd.CommandPath()+" --help")}
		}
		return a.mistake(hint.With(fmt.Errorf("%s does not know %q", cmd.CommandPath(), args[0]), "see "+cmd.CommandPath()+" --help"))
	}
	cmd.RunE = func(*cobra.Command, []string) error { return nil }
	return cmd
}

// newTopics are the texts that help prints beside those of the verbs: the
// documentation itself.
func newTopics(a *app) []*cobra.Command {
	var list []*cobra.Command
	for _, topic := range docs.Topics {
		cmd := &cobra.Command{Use: topic.Word, Short: topic.Short}
		cmd.SetHelpFunc(func(*cobra.Command, []string) { a.term.Page(topic.Text(), linkOfTopic) })
		list = append(list, cmd)
	}
	return list
}

// linkOfTopic is what help says for an address in a page: what prints that page, else where it
// is in the source.
func linkOfTopic(address string) string {
	file, _, _ := strings.Cut(address, "#")
	if file == "" || strings.Contains(file, "://") {
		return file
	}
	for _, topic := range docs.Topics {
		if topic.File == file {
			return "mcp-login help " + topic.Word
		}
	}
	return path.Join("docs", file)
}

// newMCPRemoteTopic is "help mcp-remote".
func newMCPRemoteTopic() *cobra.Command {
	return &cobra.Command{
		Use:   "mcp-remote",
		Short: "Every flag of mcp-remote, and how it is spelled here",
		Long:  mcpRemoteHelp(),
	}
}

// mcpRemoteHelp is the table for people, 80 columns wide: a word of mcp-remote,
// its native spelling, and below it what there is to know.
func mcpRemoteHelp() string {
	var b strings.Builder
	b.WriteString("How each word of a command line of mcp-remote " + mcpremote.Version + " is spelled here. In the\nplace of mcp-remote, mcp-login takes either spelling.\n")
	for _, part := range []struct {
		title string
		rows  []mcpremote.Row
	}{{"Arguments", mcpremote.Arguments}, {"Flags", mcpremote.Flags}, {"Environment", mcpremote.Variables}} {
		fmt.Fprintf(&b, "\n%s:\n", part.title)
		for _, row := range part.rows {
			ours := wrap(row.Ours, "                                   ", 80)
			if ours == "" {
				ours = "(nothing)"
			}
			if len(row.Theirs) < 32 {
				fmt.Fprintf(&b, "  %-32s %s\n", row.Theirs, ours)
			} else {
				fmt.Fprintf(&b, "  %s\n  %-32s %s\n", row.Theirs, "", ours)
			}
			if row.Note != "" {
				fmt.Fprintf(&b, "      %s\n", wrap(row.Note, "      ", 80))
			}
		}
	}
	return strings.TrimRight(b.String(), "\n")
}

// wrap breaks text into lines of less than columns when each, and the first one too, stands
// behind indent.
func wrap(text, indent string, columns int) string {
	var b strings.Builder
	column := len(indent)
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
		case column+1+len(word) >= columns:
			b.WriteString("\n" + indent)
			column = len(indent)
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}
