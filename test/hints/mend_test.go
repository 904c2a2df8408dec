package hints

// ofThisMachine are the hints of doctor about the installation, clients and --fix.
func ofThisMachine() []row {
	// The programs of these tests lie in the folder for temporary files.
	const installed = `export TMPDIR=$PWD/t; `
	const doctor = installed + `mcp-login doctor`
	const exposed = `mcp-login login $URL; chmod 644 $MCP_LOGIN_DIR/*.plain`
	entry := func(words string) string {
		return `mkdir -p .cursor; echo '{"mcpServers":{"x":{` + words + `}}}' >.cursor/mcp.json`
	}
	gone := entry(`"command":"/gone/mcp-login","args":["https://a.example/mcp"]`)
	named := entry(`"command":"mcp-login","args":["https://a.example/mcp"]`)
	remote := entry(`"command":"npx","args":["mcp-remote","https://a.example/mcp"]`)
	return []row{
		{hint: "run: mcp-login doctor --fix", before: gone, when: doctor, does: doctor + ` --fix --yes`, then: doctor},
		{hint: "run: mcp-login doctor --fix", before: named, when: doctor, does: doctor + ` --fix --yes`, then: doctor},
		{hint: "run: mcp-login doctor --fix", before: exposed, when: doctor, does: doctor + ` --fix --yes`, then: doctor},
		{hint: "nothing is changed; to make these changes, add --yes", before: gone, when: doctor + ` --fix`, does: doctor + ` --fix --yes`, then: doctor},
		{hint: "add --fix, or leave it out", when: doctor + ` --yes`, does: doctor + ` --fix --yes`, then: doctor},
		{hint: "to let them start mcp-login, run: mcp-login config --from-mcp-remote --write", before: remote, when: doctor, then: doctor},
		{hint: "look at the file", before: `mkdir .cursor; echo { >.cursor/mcp.json`, when: doctor, does: `echo {} >.cursor/mcp.json; ` + doctor},
		{hint: "install it: mcp-login help install", when: `mcp-login doctor`, does: `mcp-login help install; mkdir bin; cp "$(command -v mcp-login)" bin; ` + installed + `PATH=$PWD/bin mcp-login doctor`},
		{hint: "remove or update the copies that you do not use", before: `mkdir old; printf '#!/bin/sh\necho {}\n' >old/mcp-login; chmod 755 old/mcp-login`, when: `export PATH=$PATH:$PWD/old; ` + doctor, does: `export PATH=$PATH:$PWD/old; rm old/*; ` + doctor},
		{hint: "to revoke it and sign in anew later, run: …", before: exposed, when: doctor + ` --fix --yes`, then: `mcp-login login $URL`},
	}
}
