package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"mcp-login/internal/build"
)

func newVersion(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  noArguments,
		RunE: func(*cobra.Command, []string) error {
			report := build.ReportOf("mcp-login", a.linked, a.getenv)
			if asJSON {
				return a.term.JSON(report)
			}
			a.term.Print("mcp-login %s", report)
			if report.Outdated != "" {
				a.term.Note("%s", report.Outdated)
			}
			return nil
		},
	}
	jsonFlag(cmd, &asJSON, "")
	return cmd
}

// projectAddress is where operators who see our requests can read about the program.
const projectAddress = "https://mcp-login.example/"

// userAgentName is the variable of --user-agent.
const userAgentName = "MCP_LOGIN_USER_AGENT"

// agent is the User-Agent of every request: what the person has chosen, else the name
// of the program with its version (RFC 9110, section 10.1.5).
func agent(chosen, version string) string {
	if chosen = strings.TrimSpace(chosen); chosen != "" {
		return chosen
	}
	return "mcp-login/" + strings.Trim(version, "()") + " (+" + projectAddress + ")"
}
