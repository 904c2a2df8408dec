package interop

import "testing"

// Real clients: the official Inspector reads what mcp-login wrote for
// three other clients.
func TestInspectorFromWrittenConfig(t *testing.T) {
	d := newDesk(t)
	d.node.Package(t, "@modelcontextprotocol/inspector")
	for _, client := range []string{"claude-desktop", "cursor", "claude-code"} {
		t.Run(client, func(t *testing.T) {
			d := d.in(t)
			cli := d.npm("mcp-inspector", "--cli", "--config", d.config(client), "--server", "remote", "--method")
			want(t, d.run(d.node.Path, append(cli, "tools/list")...), `"name": "whoami"`)
			want(t, d.run(d.node.Path, append(cli, "tools/call", "--tool-name", "whoami")...), "alice@example.test")
		})
	}
}

// mcporter finds the servers that a person has configured for other clients, in
// their own places: it is a second reader of the forms that mcp-login writes.
// For Claude Desktop it looks at another file than Claude Desktop does.
func TestMCPorterFromWrittenConfig(t *testing.T) {
	d := newDesk(t)
	d.node.Package(t, "mcporter")
	call := d.npm("mcporter", "call", "remote.whoami")
	for _, client := range []string{"cursor", "claude-code", "codex", "windsurf", "opencode", "vscode"} {
		t.Run(client, func(t *testing.T) {
			d := d.in(t)
			d.config(client)
			want(t, d.run(d.node.Path, call...), "alice@example.test")
			d.run(d.program, "config", client, "--remove", "remote", "--write")
		})
	}
	// With all entries taken out again it finds none: each was found above.
	if out, errOut, err := d.try(d.node.Path, call...); err == nil {
		t.Errorf("an entry is left: %s", out)
	} else {
		want(t, errOut, "Unknown MCP server 'remote'")
	}
}

// mcp-cli, with the file of Claude Desktop.
func TestMCPCLIFromWrittenConfig(t *testing.T) {
	d := newDesk(t)
	d.node.Package(t, "@wong2/mcp-cli")
	cli := d.npm("mcp-cli", "-c", d.config("claude-desktop"), "call-tool", "remote:whoami")
	want(t, d.run(d.node.Path, cli...), "alice@example.test")
}
