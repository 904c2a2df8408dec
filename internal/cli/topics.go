package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"mcp-login/docs"
)

// newTopics are the texts that help prints beside those of the verbs: the
// documentation itself.
func newTopics(a *app) []*cobra.Command {
	var list []*cobra.Command
	for _, topic := range [][2]string{
		{"environment", "Every flag and variable"},
		{"exit-codes", "What the exit codes mean"},
		{"storage", "Where logins are kept, and how safe that is"},
		{"headless", "Signing in without a browser, or without a person"},
		{"proxies", "Proxies, certificates, bad networks"},
		{"logto", "Protecting a server with Logto"},
	} {
		cmd := &cobra.Command{Use: topic[0], Short: topic[1]}
		cmd.SetHelpFunc(func(*cobra.Command, []string) { fmt.Fprint(a.term.Out(), docs.Topic(topic[0])) })
		list = append(list, cmd)
	}
	return list
}
