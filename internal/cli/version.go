package cli

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mcp-login/internal/build"
)

func newVersion(a *app) *cobra.Command {
	var asJSON, check bool
	var g generalOptions
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version, and look for a newer one",
		Long: "version says what the program was built from, and by which channel it came here.\n" +
			"With --check a program of a release asks once, where releases are published,\nwhich one is the newest. Nothing else ever asks.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if check {
				return a.checkVersion(cmd.Context(), &g, asJSON)
			}
			report := build.ReportOf("mcp-login", a.linked, a.getenv)
			if asJSON {
				return a.term.JSON(report)
			}
			a.term.Print("mcp-login %s", report)
			if report.Outdated != "" {
				a.term.Note("%s; %s", report.Outdated, report.Channel.Rebuilt(thisProgram(a).Path))
			}
			return nil
		},
	}
	general := pflag.NewFlagSet("", pflag.ContinueOnError)
	g.files = a.files
	g.register(general, a.getenv)
	cmd.Flags().BoolVar(&check, "check", false, "ask which release is the newest, and say how to update")
	cmd.Flags().AddFlag(general.Lookup("ca-file"))
	jsonFlag(cmd, &asJSON, "")
	return cmd
}

// userAgentName is the variable of --user-agent.
const userAgentName = "MCP_LOGIN_USER_AGENT"

// agent is the User-Agent of every request: what the person has chosen, else the name
// of the program with its version (RFC 9110, section 10.1.5), and where operators who see our
// requests can read about it, if somebody has published it.
func agent(chosen, version string) string {
	if chosen = strings.TrimSpace(chosen); chosen != "" {
		return chosen
	}
	name := "mcp-login/" + strings.Trim(version, "()")
	if project := build.Project(); project != "" {
		name += " (+" + project + ")"
	}
	return name
}
