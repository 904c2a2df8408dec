package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// helpWriter writes help that is at most so many columns wide.
type helpWriter struct {
	strings.Builder
	columns int
}

// shortHelp is what mcp-login says when it is run without a word.
func shortHelp(columns int) string {
	w := helpWriter{columns: columns}
	w.text("mcp-login lets an MCP client on this machine use a remote MCP server, and signs you in where the server asks for it.")
	w.table("Start with", [][2]string{
		{"mcp-login config CLIENT URL", "set up a client: cursor, claude-desktop …"},
		{"mcp-login login URL", "sign in now"},
		{"mcp-login doctor URL", "find out why something does not work"},
	})
	fmt.Fprint(&w, "\nRead more: mcp-login --help\n")
	return w.String()
}

// helpText is what help says about a command. Of the flags in the table it has those that
// many people need.
func helpText(cmd *cobra.Command, columns int) string {
	if !cmd.Runnable() && !cmd.HasSubCommands() {
		return cmd.Long + "\n" // a topic
	}
	w := helpWriter{columns: columns}
	text := cmd.Long
	if text == "" {
		text = cmd.Short + "."
	}
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		w.text(paragraph)
		fmt.Fprint(&w, "\n")
	}
	fmt.Fprint(&w, "Usage:\n")
	if !cmd.HasParent() || !cmd.HasSubCommands() {
		fmt.Fprintf(&w, "  %s\n", usageLine(cmd))
	}
	if cmd.HasSubCommands() {
		fmt.Fprintf(&w, "  %s COMMAND …\n", cmd.CommandPath())
	}
	if cmd.Example != "" {
		fmt.Fprintf(&w, "\nExamples:\n%s\n", cmd.Example)
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
	w.table("Commands", commands)
	more := w.flags(cmd.Flags(), false)
	w.table("Topics", topics)
	w.table("Read more", pointers(cmd, more))
	return w.String()
}

// usageLine is how a command is called.
func usageLine(cmd *cobra.Command) string {
	line := strings.TrimSuffix(cmd.CommandPath(), cmd.Name()) + cmd.Use
	if cmd.HasAvailableFlags() && !strings.Contains(line, "FLAGS") {
		line += " [FLAGS]"
	}
	return line
}

// pointers say where there is more to read. flags tells that there are more of them.
func pointers(cmd *cobra.Command, flags bool) (lines [][2]string) {
	path := strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name())
	if cmd.HasSubCommands() {
		lines = append(lines, [2]string{"mcp-login help" + path + " COMMAND", "a command"})
	}
	if !cmd.HasParent() {
		lines = append(lines, [2]string{"mcp-login help TOPIC", "a topic"})
	}
	if flags {
		lines = append(lines, [2]string{"mcp-login help flags" + path, "all flags"})
	}
	return lines
}

// flags writes the flags of a command: its own, and of those in the table the first group, or
// every one. It reports whether there are more.
func (w *helpWriter) flags(flags *pflag.FlagSet, every bool) (more bool) {
	var own [][2]string
	flags.VisitAll(func(f *pflag.Flag) {
		if !f.Hidden && rowOf(f.Name) == nil {
			own = append(own, flagLine(f))
		}
	})
	w.table("Flags", own)
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
		w.table(group.title, rows)
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

// text writes a paragraph. One that begins with a tab is code of cobra's, and stays as it is.
func (w *helpWriter) text(paragraph string) {
	if !strings.HasPrefix(paragraph, "\t") {
		paragraph = wrap(paragraph, "", w.columns)
	}
	fmt.Fprint(w, paragraph+"\n")
}

// table writes a section with two columns, unless it is empty. What does not fit into the
// first one has a line for itself.
func (w *helpWriter) table(title string, rows [][2]string) {
	if len(rows) == 0 {
		return
	}
	wide, limit := 0, w.columns*3/8
	for _, row := range rows {
		if n := len(row[0]); n <= limit {
			wide = max(wide, n)
		}
	}
	fmt.Fprintf(w, "\n%s:\n", title)
	indent := strings.Repeat(" ", wide+4)
	for _, row := range rows {
		first := fmt.Sprintf("  %-*s  ", wide, row[0])
		if len(row[0]) > wide {
			first = "  " + row[0] + "\n" + indent
		}
		fmt.Fprint(w, first+wrap(row[1], indent, w.columns)+"\n")
	}
}
