package hosts

import (
	"cmp"
	"strings"
)

// Format is the language of a file.
type Format string

// Formats of files. JSON may have comments and trailing commas.
const (
	JSON Format = "JSON"
	TOML Format = "TOML"
	YAML Format = "YAML"
)

// Host is a program that runs MCP servers, and how it is configured.
type Host struct {
	// ID is its name on the command line, Title its name for people.
	ID, Title string
	Format    Format
	// InheritsPath says that the host sees the PATH of the person's shell, so
	// that a bare command name is found. Programs with a window, started from a
	// dock or a menu, mostly do not.
	InheritsPath bool
	// Reload says how the host comes to know of a change.
	Reload string
	// Project is the file of one project, relative to its folder, if there is one
	// in the same form.
	Project string
	// Flags go into every entry, unless the person gives the first of them another
	// value: what the host cannot be told in its own settings.
	Flags []string

	path         []string   // to the servers
	furtherPaths [][]string // further places that are read and rewritten; * is any name
	alternative  *variant   // another form that a file may already have
	list         bool       // the servers are a list, with their names inside
	shape        func(Server) []field
	// startTimeout is the member that gives a person time to sign in, for hosts that give a
	// server up sooner by default: Codex after 10 seconds, Cline for the terminal after 3,
	// Qwen Code after 30, Crush after 10 or 15.
	startTimeout field
	emptyFile    string // the file before its first server

	files      []string       // places, the usual one first; see System.expand
	byVariable []string       // the place by a variable; the first that is set counts
	programs   []installation // instead of files, where the host is several programs
}

// installation is one of several programs with the name of a host. Each has a file of
// its own.
type installation struct {
	folder string // exists where the program is installed
	files  []string
}

// variant is a second form of one host's file. It is kept where it is found.
type variant struct {
	path  []string
	shape func(Server) []field
}

const (
	restart  = "quit it and start it again"
	atOnce   = "it notices the change by itself"
	newStart = "start a new session"
)

// patienceFlags are those for hosts that never list tools again: the first list is theirs for
// the whole session, so it must be the server's, and not the one of a bridge that still
// waits for a sign-in. Their limit gives a person the time for it.
var patienceFlags = []string{"--login-patience", "0"}

// All is the table of hosts, in the order in which they are listed. Places and forms
// are those that the programs document (docs/clients.md).
var All = []Host{
	{
		ID: "claude-desktop", Title: "Claude Desktop", Reload: restart, path: []string{"mcpServers"}, shape: plain,
		files: []string{"{user}/Claude/claude_desktop_config.json", "windows:{local}/Packages/Claude_pzs8sxrjxfjjc/LocalCache/Roaming/Claude/claude_desktop_config.json"},
	},
	{
		ID: "claude-code", Title: "Claude Code", InheritsPath: true, Reload: newStart, Project: ".mcp.json",
		path: []string{"mcpServers"}, furtherPaths: [][]string{{"projects", "*", "mcpServers"}}, shape: typedStdio,
		files: []string{"{home}/.claude.json"}, byVariable: []string{"{CLAUDE_CONFIG_DIR}/.claude.json"},
	},
	{
		ID: "cursor", Title: "Cursor", Reload: atOnce, Project: ".cursor/mcp.json",
		path: []string{"mcpServers"}, shape: plain, files: []string{"{home}/.cursor/mcp.json"},
	},
	{
		ID: "vscode", Title: "VS Code", Reload: "start the server from the MCP list", Project: ".vscode/mcp.json",
		path: []string{"servers"}, shape: typedStdio, files: []string{"{user}/Code/User/mcp.json"},
	},
	{
		ID: "vscode-insiders", Title: "VS Code Insiders", Reload: "start the server from the MCP list", Project: ".vscode/mcp.json",
		path: []string{"servers"}, shape: typedStdio, files: []string{"{user}/Code - Insiders/User/mcp.json"},
	},
	{
		ID: "windsurf", Title: "Windsurf", Reload: "press refresh in its MCP panel",
		path: []string{"mcpServers"}, shape: plain, files: []string{"{home}/.codeium/windsurf/mcp_config.json"},
	},
	{
		ID: "zed", Title: "Zed", Reload: atOnce, Project: ".zed/settings.json", path: []string{"context_servers"}, shape: plain,
		files: []string{"unix:{xdg}/zed/settings.json", "windows:{user}/Zed/settings.json"},
	},
	{
		ID: "codex", Title: "Codex", Format: TOML, InheritsPath: true, Reload: newStart, Project: ".codex/config.toml",
		path: []string{"mcp_servers"}, shape: plain, startTimeout: field{"startup_timeout_sec", 300}, Flags: patienceFlags,
		files: []string{"{home}/.codex/config.toml"}, byVariable: []string{"{CODEX_HOME}/config.toml"},
	},
	{
		ID: "gemini", Title: "Gemini CLI", InheritsPath: true, Reload: newStart, Project: ".gemini/settings.json",
		path: []string{"mcpServers"}, shape: plain, files: []string{"{home}/.gemini/settings.json"},
		byVariable: []string{"{GEMINI_CLI_HOME}/.gemini/settings.json"},
	},
	{
		ID: "cline", Title: "Cline", Reload: atOnce, path: []string{"mcpServers"}, shape: plain, startTimeout: field{"timeout", 300}, Flags: patienceFlags,
		programs: []installation{
			{"{home}/.cline", []string{"{home}/.cline/data/settings/cline_mcp_settings.json"}},
			{"{user}/Code/User/globalStorage/saoudrizwan.claude-dev", []string{"{user}/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json"}},
		},
		byVariable: []string{"{CLINE_MCP_SETTINGS_PATH}", "{CLINE_DATA_DIR}/settings/cline_mcp_settings.json", "{CLINE_DIR}/data/settings/cline_mcp_settings.json"},
	},
	{
		ID: "roo", Title: "Roo Code", Reload: atOnce, Project: ".roo/mcp.json", path: []string{"mcpServers"}, shape: plain,
		files: []string{"{user}/Code/User/globalStorage/rooveterinaryinc.roo-cline/settings/mcp_settings.json"},
	},
	{
		ID: "kilo", Title: "Kilo Code", Reload: newStart, Project: "kilo.json", path: []string{"mcp"}, shape: oneCommand,
		files: []string{
			"{xdg}/kilo/kilo.json", "{xdg}/kilo/kilo.jsonc", "{xdg}/kilo/opencode.json", "{xdg}/kilo/opencode.jsonc", "{xdg}/kilo/config.json",
		},
	},
	{
		ID: "kilo-legacy", Title: "Kilo Code before version 7", Reload: atOnce, Project: ".kilocode/mcp.json", path: []string{"mcpServers"}, shape: plain,
		files: []string{"{user}/Code/User/globalStorage/kilocode.kilo-code/settings/mcp_settings.json", "{home}/.kilocode/cli/global/settings/mcp_settings.json"},
	},
	{
		ID: "continue", Title: "Continue", Format: YAML, Reload: atOnce, path: []string{"mcpServers"}, list: true, shape: named,
		emptyFile: "name: Local Config\nversion: 1.0.0\nschema: v1\n", files: []string{"{home}/.continue/config.yaml"},
	},
	{
		ID: "goose", Title: "Goose", Format: YAML, Reload: newStart, path: []string{"extensions"}, shape: goose,
		files: []string{"unix:{xdg}/goose/config.yaml", "windows:{user}/Block/goose/config/config.yaml"},
	},
	{
		ID: "lm-studio", Title: "LM Studio", Reload: atOnce, path: []string{"mcpServers"}, shape: plain, files: []string{"{home}/.lmstudio/mcp.json", "{home}/.cache/lm-studio/mcp.json"},
	},
	{
		ID: "kiro", Title: "Kiro", Reload: atOnce, Project: ".kiro/settings/mcp.json",
		path: []string{"mcpServers"}, shape: plain, files: []string{"{home}/.kiro/settings/mcp.json"},
	},
	{
		ID: "amazon-q", Title: "Amazon Q Developer CLI", InheritsPath: true, Reload: newStart, Project: ".amazonq/mcp.json",
		path: []string{"mcpServers"}, shape: plain, files: []string{"{home}/.aws/amazonq/mcp.json"},
	},
	{
		ID: "copilot-cli", Title: "GitHub Copilot CLI", InheritsPath: true, Reload: newStart,
		path: []string{"mcpServers"}, shape: copilot, files: []string{"{home}/.copilot/mcp-config.json"},
		byVariable: []string{"{COPILOT_HOME}/mcp-config.json"},
	},
	{
		ID: "opencode", Title: "opencode", InheritsPath: true, Reload: newStart, Project: "opencode.json",
		path: []string{"mcp"}, shape: oneCommand, alternative: &variant{[]string{"mcp", "servers"}, oneCommandNewer},
		files: []string{"{xdg}/opencode/opencode.json", "{xdg}/opencode/opencode.jsonc", "{xdg}/opencode/config.json"},
	},
	{
		ID: "amp", Title: "Amp", InheritsPath: true, Reload: newStart, Project: ".amp/settings.json",
		path: []string{"amp.mcpServers"}, shape: plain, files: []string{"{xdg}/amp/settings.json", "{xdg}/amp/settings.jsonc"},
	},
	{
		ID: "crush", Title: "Crush", InheritsPath: true, Reload: newStart, Project: ".crush.json",
		path: []string{"mcp"}, shape: typedStdio, startTimeout: field{"timeout", 120}, files: []string{"unix:{xdg}/crush/crush.json", "windows:{local}/crush/crush.json"},
		byVariable: []string{"{CRUSH_GLOBAL_CONFIG}/crush.json"},
	},
	{
		ID: "qwen", Title: "Qwen Code", InheritsPath: true, Reload: newStart, Project: ".qwen/settings.json",
		path: []string{"mcpServers"}, shape: plain, startTimeout: field{"discoveryTimeoutMs", 300_000}, Flags: patienceFlags,
		files: []string{"{home}/.qwen/settings.json"}, byVariable: []string{"{QWEN_HOME}/settings.json"},
	},
	{
		ID: "junie", Title: "Junie", Reload: atOnce, Project: ".junie/mcp/mcp.json",
		path: []string{"mcpServers"}, shape: plain, files: []string{"{home}/.junie/mcp/mcp.json"},
	},
	{
		ID: "factory", Title: "Factory Droid", InheritsPath: true, Reload: atOnce, Project: ".factory/mcp.json",
		path: []string{"mcpServers"}, shape: typedStdio, files: []string{"{home}/.factory/mcp.json"},
	},
}

func init() {
	for i := range All {
		All[i].Format = cmp.Or(All[i].Format, JSON)
	}
}

// fields are the members of an entry.
func (h Host) fields(s Server) []field {
	fields := h.shape(s)
	if h.startTimeout.name != "" {
		fields = append(fields, h.startTimeout)
	}
	return fields
}

// Find returns the host with an ID or a title. Letter case, blanks, hyphens and "cli" at
// the end do not count.
func Find(id string) (Host, bool) {
	for _, name := range []string{normalize(id), strings.TrimSuffix(normalize(id), "cli")} {
		for _, c := range All {
			if name == normalize(c.ID) || name == normalize(c.Title) {
				return c, true
			}
		}
	}
	return Host{}, false
}

func normalize(s string) string {
	return strings.NewReplacer(" ", "", "-", "", "_", "", ".", "").Replace(strings.ToLower(s))
}
