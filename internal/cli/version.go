package cli

import (
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"mcp-login/internal/toolchain"
)

func newVersion(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  noArguments,
		RunE: func(*cobra.Command, []string) error {
			if asJSON {
				return a.term.JSON(versionReport{schemaVersion, a.version, runtime.GOOS, runtime.GOARCH, runtime.Version(), toolchain.Outdated()})
			}
			a.term.Print("mcp-login %s %s/%s %s", a.version, runtime.GOOS, runtime.GOARCH, runtime.Version())
			if said := toolchain.Outdated(); said != "" {
				a.term.Note("%s", said)
			}
			return nil
		},
	}
	jsonFlag(cmd, &asJSON, "")
	return cmd
}

type versionReport struct {
	SchemaVersion int    `json:"schema_version"`
	Version       string `json:"version"`
	OS            string `json:"os"`
	Arch          string `json:"arch"`
	Go            string `json:"go"`
	Outdated      string `json:"outdated,omitempty"` // what is wrong with that Go
}

// programVersion falls back from what was linked in to what go install recorded.
func programVersion(linked string) string {
	if linked != "" {
		return linked
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
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
