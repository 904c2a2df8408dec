package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"mcp-login/internal/mcpremote"
)

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
	b.WriteString("How each word of a command line of mcp-remote 0.15.1 is spelled here. In the\nplace of mcp-remote, mcp-login takes either spelling.\n")
	for _, part := range []struct {
		title string
		rows  []mcpremote.Flag
	}{{"Arguments", mcpremote.Arguments}, {"Flags", mcpremote.Flags}, {"Environment", mcpremote.Variables}} {
		fmt.Fprintf(&b, "\n%s:\n", part.title)
		for _, row := range part.rows {
			ours := wrap(row.Ours, "                                   ")
			if ours == "" {
				ours = "(nothing)"
			}
			if len(row.Theirs) < 32 {
				fmt.Fprintf(&b, "  %-32s %s\n", row.Theirs, ours)
			} else {
				fmt.Fprintf(&b, "  %s\n  %-32s %s\n", row.Theirs, "", ours)
			}
			if row.Note != "" {
				fmt.Fprintf(&b, "      %s\n", wrap(row.Note, "      "))
			}
		}
	}
	return strings.TrimRight(b.String(), "\n")
}

// wrap breaks text into lines that end before column 80 when each, and the first
// one too, stands behind indent.
func wrap(text, indent string) string {
	var b strings.Builder
	column := len(indent)
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
		case column+1+len(word) > 79:
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
