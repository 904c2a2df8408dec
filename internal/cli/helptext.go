package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// shortHelp is what mcp-login says when it is run without a word.
const shortHelp = `mcp-login lets an MCP client on this machine use a remote MCP server, and signs
you in where the server asks for it.

  mcp-login config CLIENT URL --write   set up a client: cursor, claude-desktop …
  mcp-login login URL                   sign in now
  mcp-login doctor URL                  find out why something does not work

Read more: mcp-login --help
`

// helpText is what help says about a command, in at most 80 columns. every adds the flags
// that few people need.
func helpText(cmd *cobra.Command, every bool) string {
	var b strings.Builder
	if !cmd.Runnable() && !cmd.HasSubCommands() {
		return cmd.Long + "\n" // a topic
	}
	text := cmd.Long
	if text == "" {
		text = cmd.Short + "."
	}
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		if !strings.HasPrefix(paragraph, "\t") { // code of cobra's
			paragraph = wrap(paragraph, "")
		}
		b.WriteString(paragraph + "\n\n")
	}
	b.WriteString("Usage:\n")
	if !cmd.HasParent() || !cmd.HasSubCommands() {
		fmt.Fprintf(&b, "  %s\n", usageLine(cmd))
	}
	if cmd.HasSubCommands() {
		fmt.Fprintf(&b, "  %s COMMAND …\n", cmd.CommandPath())
	}
	if cmd.Example != "" {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", cmd.Example)
	}
	var commands, topics [][2]string
	for _, c := range cmd.Commands() {
		switch {
		case c.IsAdditionalHelpTopicCommand():
			topics = append(topics, [2]string{c.Name(), c.Short})
		case !c.Hidden:
			commands = append(commands, [2]string{c.Name(), c.Short})
		}
	}
	columns(&b, "Commands", commands)
	more := flagSections(&b, cmd.Flags(), every)
	columns(&b, "Topics", topics)
	b.WriteString(pointers(cmd, more))
	return b.String()
}

// usageLine is how a command is called.
func usageLine(cmd *cobra.Command) string {
	line := strings.TrimSuffix(cmd.CommandPath(), cmd.Name()) + cmd.Use
	if cmd.HasAvailableFlags() && !strings.Contains(line, "FLAGS") {
		line += " [FLAGS]"
	}
	return line
}

// pointers say where there is more to read.
func pointers(cmd *cobra.Command, flags bool) string {
	var lines [][2]string
	if cmd.HasSubCommands() {
		lines = append(lines, [2]string{"mcp-login help" + strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()) + " COMMAND", "a command"})
	}
	if !cmd.HasParent() {
		lines = append(lines, [2]string{"mcp-login help TOPIC", "a topic"})
	}
	if flags {
		lines = append(lines, [2]string{strings.TrimSuffix("mcp-login help flags "+cmd.Name(), " mcp-login"), "all flags"})
	}
	var b strings.Builder
	columns(&b, "Read more", lines)
	return b.String()
}

// flagSections writes the flags of a command: its own, and of those in the table the first
// group, or every one. It reports whether there are more.
func flagSections(b *strings.Builder, flags *pflag.FlagSet, every bool) (more bool) {
	var own [][2]string
	flags.VisitAll(func(f *pflag.Flag) {
		if !f.Hidden && rowOf(f.Name) == nil {
			own = append(own, flagLine(f))
		}
	})
	columns(b, "Flags", own)
	for i, group := range flagGroups {
		var rows [][2]string
		for _, row := range group.flags {
			if f := flags.Lookup(row.name); f != nil && !f.Hidden {
				rows = append(rows, flagLine(f))
			}
		}
		if i > 0 && !every {
			more = more || len(rows) > 0
			continue
		}
		columns(b, group.title, rows)
	}
	return more
}

// flagLine is a flag with the name of its value, and its usage.
func flagLine(f *pflag.Flag) [2]string {
	usage := f.Usage
	if !slices.Contains([]string{"", "0", "0s", "[]", "false"}, f.DefValue) {
		usage += " (default " + f.DefValue + ")"
	}
	name := "--" + f.Name
	if f.Shorthand != "" {
		name = "-" + f.Shorthand + ", " + name
	}
	return [2]string{strings.TrimSpace(name + " " + valueName(f.Name)), usage}
}

// maxFirstColumn bounds the first of two columns; what is longer has a line for itself.
const maxFirstColumn = 30

// columns writes a section with two columns, unless it is empty.
func columns(b *strings.Builder, title string, rows [][2]string) {
	if len(rows) == 0 {
		return
	}
	wide := 0
	for _, row := range rows {
		if n := len(row[0]); n <= maxFirstColumn {
			wide = max(wide, n)
		}
	}
	fmt.Fprintf(b, "\n%s:\n", title)
	indent := strings.Repeat(" ", wide+4)
	for _, row := range rows {
		if len(row[0]) > wide {
			fmt.Fprintf(b, "  %s\n%s%s\n", row[0], indent, wrap(row[1], indent))
			continue
		}
		fmt.Fprintf(b, "  %-*s  %s\n", wide, row[0], wrap(row[1], indent))
	}
}
