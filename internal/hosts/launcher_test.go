package hosts

import (
	"strings"
	"testing"
)

// The ways people start mcp-remote, and those that cannot be replaced by one word without
// changing what runs.
func TestOnlyReplaceableLaunchersAreRewritten(t *testing.T) {
	for _, tc := range []struct {
		line  string
		words int // 0: not rewritten
		why   string
	}{
		{"npx mcp-remote U", 2, ""},
		{"npx -y mcp-remote U", 3, ""},
		{"npx --yes mcp-remote@latest U", 3, ""},
		{"npx -y mcp-remote@0.1.29 U 9696 --debug", 3, ""},
		{"npx -p mcp-remote@latest mcp-remote U", 4, ""},
		{"npx --package=mcp-remote -- mcp-remote U", 4, ""},
		{"npx --registry https://r.example/ mcp-remote U", 4, ""},
		{"npx -y github:geelen/mcp-remote#main U", 3, ""},
		{"/opt/homebrew/bin/npx -y mcp-remote U", 3, ""},
		{`C:\nodejs\npx.CMD -y mcp-remote U`, 3, ""},
		{"cmd /c npx -y mcp-remote U", 5, ""},
		{"cmd.exe /C mcp-remote U", 3, ""},
		{"/usr/bin/env npx mcp-remote U", 3, ""},
		{"bunx mcp-remote U", 2, ""},
		{"bunx --bun mcp-remote@latest U", 3, ""},
		{"bun x mcp-remote U", 3, ""},
		{"pnpm dlx mcp-remote U", 3, ""},
		{"pnpx mcp-remote U", 2, ""},
		{"yarn dlx -q mcp-remote U", 4, ""},
		{"npm exec --yes -- mcp-remote U", 5, ""},
		{"deno run -A npm:mcp-remote U", 4, ""},
		{"deno run --allow-net --allow-env npm:mcp-remote@0.15.1 U", 5, ""},
		{"mcp-remote U", 1, ""},
		{"/usr/local/bin/mcp-remote U", 1, ""},
		{"node /usr/lib/node_modules/mcp-remote/dist/proxy.js U", 2, ""},
		{"docker run --rm -i node:22 npx -y mcp-remote U", 8, ""},
		{"docker run -i --rm -p 3334:3334 -e KEY ghcr.io/a/mcp-remote:1@sha256:0 U", 9, ""},
		{"podman run -i -v auth:/home/node/.mcp-auth docker.io/node npx mcp-remote U", 8, ""},
		{"docker run -i --network host mcp-remote U", 6, ""},

		{"npx mcp-remote", 0, "names no server"},
		{"npx -p mcp-remote mcp-remote-client U", 0, "not recognised"},
		{"npx --inspect mcp-remote U", 0, "--inspect"},
		{"npx some-server U", 0, "not recognised"},
		{"npx", 0, "not recognised"},
		{"cmd /c", 0, "not recognised"},
		{"sh -c npx_mcp-remote U", 0, "not recognised"},
		{"env A=b npx mcp-remote U", 0, "not recognised"},
		{"bun run mcp-remote U", 0, "not recognised"},
		{"npx mcp-remote-go U", 0, "not recognised"},
		{"docker run -i -e A=b mcp-remote U", 0, "variable"},
		{"docker run -i -v /etc:/etc mcp-remote U", 0, "mounts"},
		{"docker run -i --network lab mcp-remote U", 0, "network"},
		{"docker run -i --privileged mcp-remote U", 0, "--privileged"},
		{"docker run -i mcp-remote http://host.docker.internal:1/mcp", 0, "inside a container"},
		{"docker exec -i x npx mcp-remote U", 0, "not recognised"},
	} {
		argv := strings.Fields(strings.ReplaceAll(tc.line, " U", " https://example.com/mcp"))
		words, why := mcpRemote(argv)
		if words != tc.words || (tc.why == "") != (why == "") || !strings.Contains(why, tc.why) {
			t.Errorf("%s: %d words, %q", tc.line, words, why)
		}
	}
}

// The address that is shown of a server holds no key.
func TestTheAddressShownHoldsNoKey(t *testing.T) {
	for _, tc := range []struct {
		s       Server
		kind    Kind
		address string
	}{
		{Server{Command: "mcp-login", Args: []string{"https://u:p@example.com/mcp?key=s3cret#s3cret"}}, KindOwn, "https://example.com/mcp"},
		{Server{Command: `C:\x\MCP-Login.exe`, Args: []string{"--header", "X: y", "http://127.0.0.1:1/"}}, KindOwn, "http://127.0.0.1:1/"},
		{Server{Command: "npx", Args: []string{"mcp-remote", "https://example.com/s/0123456789abcdefghij/mcp"}}, KindMCPRemote, "https://example.com/s/…/mcp"},
		{Server{Command: "sh", Args: []string{"-c", "npx mcp-remote https://example.com/mcp"}}, KindMCPRemote, ""},
		{Server{URL: "https://example.com/sse?s3cret"}, KindRemote, "https://example.com/sse"},
		{Server{URL: "${URL}"}, KindRemote, ""},
		{Server{Command: "uvx", Args: []string{"server", "https://example.com/mcp-remote"}}, KindOther, ""},
	} {
		if kind, address := tc.s.Kind(), tc.s.Address(); kind != tc.kind || address != tc.address {
			t.Errorf("%+v: %s %q", tc.s, kind, address)
		}
	}
}

// An entry whose arguments would not do is left alone, the others are not.
func TestRewriteAsksJudge(t *testing.T) {
	c, _ := Find("cursor")
	text := `{"mcpServers": {"a": {"command": "npx", "args": ["mcp-remote", "u", "--odd"]}, "b": {"command": "npx", "args": ["-y", "mcp-remote", "u"]}}}`
	out, all, err := c.Rewrite([]byte(text), "mcp-login", func(args []string) string {
		if args[0] != "u" {
			t.Errorf("%q", args)
		}
		if len(args) > 1 {
			return "odd"
		}
		return ""
	})
	want := strings.Replace(text, `"npx", "args": ["-y", "mcp-remote", `, `"mcp-login", "args": [`, 1)
	if err != nil || string(out) != want || len(all) != 2 || all[0].Skipped != "odd" || all[1].Skipped != "" {
		t.Errorf("%v %+v\n%s", err, all, out)
	}
}
