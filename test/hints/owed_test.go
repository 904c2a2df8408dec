package hints

// owed are hints that no test runs yet. None may be added.
var owed = []string{
	"add --command",
	"add --file",
	"answer or cancel some of them",
	"ask whoever gives out permissions for this server; signing in again helps only afterwards, or as somebody else",
	"let PowerShell run it: powershell -NoProfile -NonInteractive -Command \"gcloud auth print-access-token\"",
	"name it: mcp-login import mcp-remote URL, as it was given to mcp-remote",
	"run: mcp-login … (credential)",
	"run: mcp-login … (ended)",
	"run: mcp-login … (login)",
	"run: mcp-login … (notReplaced)",
	"run: mcp-login … (noteAsk)",
	"run: mcp-login … (renewOnce)",
	"run: mcp-login … (resource)",
	"run: mcp-login … (signIn)",
	"see whoami-server.socket in deploy/systemd",
	"set MCP_LOGIN_DIR to a directory on a local disk",
	"try again when it can be reached; nothing was changed",
	"update mcp-login",
	"use it with --resource …",
	"… with --client-id",
}
