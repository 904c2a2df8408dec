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
	out, all, err := c.Rewrite([]byte(text), []string{"mcp-login"}, func(args []string) string {
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

// The ways in which mcp-login is started are all known as ours: what stands in an entry is
// shown with its address, judged and repointed.
func TestOurOwnEntriesAreKnown(t *testing.T) {
	for line, want := range map[string]struct {
		starts, version string
	}{
		"mcp-login U":                                                 {"mcp-login", ""},
		`C:\x\mcp-login.exe --debug U`:                                {`C:\x\mcp-login.exe`, ""},
		"npx mcp-login U":                                             {"npx mcp-login", ""},
		"npx -y mcp-login@1.2.3 U --debug":                            {"npx -y mcp-login@1.2.3", "v1.2.3"},
		"npx -y mcp-login@latest U":                                   {"npx -y mcp-login@latest", ""},
		"cmd /c npx -y mcp-login@1.2.3 U":                             {"cmd /c npx -y mcp-login@1.2.3", "v1.2.3"},
		"cmd.exe /C mcp-login U":                                      {"cmd.exe /C mcp-login", ""},
		"npx --package=mcp-login@1.0.0-rc.1 -- mcp-login U":           {"npx --package=mcp-login@1.0.0-rc.1 -- mcp-login", "v1.0.0-rc.1"},
		"npx --registry https://u:p@r.example mcp-login U":            {"npx --registry … mcp-login", ""},
		"bunx mcp-login U":                                            {"bunx mcp-login", ""},
		"pnpm dlx mcp-login@1.2.3 U":                                  {"pnpm dlx mcp-login@1.2.3", "v1.2.3"},
		"env mcp-login U":                                             {"env mcp-login", ""},
		"env A=b C=d npx mcp-login@1.2.3 U":                           {"npx mcp-login@1.2.3", "v1.2.3"},
		"node /usr/lib/node_modules/mcp-login/bin/mcp-login.js U":     {"node /usr/lib/node_modules/mcp-login/bin/mcp-login.js", ""},
		"docker run -i --rm -v mcp-login:/data ghcr.io/o/mcp-login U": {"", ""},
		"npx mcp-login-other U":                                       {"", ""},
		"npx other mcp-login U":                                       {"", ""},
		"npx -y mcp-remote https://mcp-login.example":                 {"", ""},
	} {
		argv := strings.Fields(strings.ReplaceAll(line, " U", " https://example.com/mcp"))
		s := Server{Name: "x", Command: argv[0], Args: argv[1:]}
		from, words, ok := own(argv)
		switch {
		case ok != (want.starts != ""), ok != (s.Kind() == KindOwn):
			t.Errorf("%s: ours %v, %s", line, ok, s.Kind())
		case !ok:
		case s.Starts() != want.starts || ownVersion(argv[from:words]) != want.version || s.Address() != "https://example.com/mcp":
			t.Errorf("%s: %q, %q, %q", line, s.Starts(), ownVersion(argv[from:words]), s.Address())
		}
	}
}

// In whatever form a file is written, an entry can be made to start the package, and to start
// the program again.
func TestEntriesAreMovedToThePackageAndBack(t *testing.T) {
	words := []string{"npx", "-y", "mcp-login@1.2.3"}
	always := func(Server) bool { return true }
	for _, row := range [][3]string{
		{"cursor", "{\"mcpServers\": {\"a\": {\"command\": \"mcp-login\", \"args\": [\"https://a.example/mcp\"]}}}", "[\"-y\", \"mcp-login@1.2.3\", \"https"},
		{"cursor", "{\"mcpServers\": {\"a\": {\"command\": \"mcp-login\", \"args\": [\n    \"https://a.example/mcp\",\n    \"--debug\"\n  ]}}}", "[\n    \"-y\",\n    \"mcp-login@1.2.3\",\n    \"https"},
		{"opencode", "{\"mcp\": {\"a\": {\"type\": \"local\", \"command\": [\"mcp-login\", \"https://a.example/mcp\"]}}}", "[\"npx\", \"-y\", \"mcp-login@1.2.3\", "},
		{"codex", "[mcp_servers.a]\ncommand = \"mcp-login\" # here\nargs = [\"https://a.example/mcp\"]\n", "[\"-y\", \"mcp-login@1.2.3\", \"https"},
		{"goose", "extensions:\n  a:\n    cmd: mcp-login\n    args:\n      - https://a.example/mcp # here\n", "args:\n      - \"-y\"\n      - \"mcp-login@1.2.3\"\n      - https"},
		{"goose", "extensions:\n  a:\n    cmd: mcp-login\n    args: [https://a.example/mcp]\n", "args: [\"-y\", \"mcp-login@1.2.3\", https"},
	} {
		h := mustFind(t, row[0])
		there, were, err := h.Repoint([]byte(row[1]), words, always)
		if err != nil || len(were) != 1 || !strings.Contains(string(there), row[2]) {
			t.Errorf("%s: %v, %v\n%s", row[0], were, err, there)
			continue
		}
		back, were, err := h.Repoint(there, []string{"mcp-login"}, always)
		if err != nil || len(were) != 1 || string(back) != row[1] {
			t.Errorf("%s, back: %v, %v\n%s", row[0], were, err, back)
		}
	}
}
