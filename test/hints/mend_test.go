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
		{hint: "change the entry by hand, so that it starts mcp-login", before: entry(`"command":"sh","args":["-c","npx mcp-remote https://a.example/mcp"]`), when: doctor, does: entry(`"command":"'$(command -v mcp-login)'","args":["https://a.example/mcp"]`) + `; ` + doctor},
		{hint: "look at the file", before: `mkdir .cursor; echo { >.cursor/mcp.json`, when: doctor, does: `echo {} >.cursor/mcp.json; ` + doctor},
		{hint: "install it: mcp-login help install", when: `mcp-login doctor`, does: `mcp-login help install; mkdir bin; cp "$(command -v mcp-login)" bin; ` + installed + `PATH=$PWD/bin mcp-login doctor`},
		{hint: "remove or update the copies that you do not use", before: `mkdir old; printf '#!/bin/sh\necho {}\n' >old/mcp-login; chmod 755 old/mcp-login`, when: `export PATH=$PATH:$PWD/old; ` + doctor, does: `export PATH=$PATH:$PWD/old; rm old/*; ` + doctor},
		{hint: "to revoke it and sign in anew later, run: …", before: exposed, when: doctor + ` --fix --yes`, then: `mcp-login login $URL`},
		{hint: "add --write, or leave it out", when: `mcp-login uninstall --yes`, does: `mcp-login uninstall --yes --write`, then: `mcp-login uninstall`},
		{hint: "nothing is removed yet; to remove it, run: mcp-login uninstall --write", before: named, when: `mcp-login uninstall; false`, then: `mcp-login uninstall | grep 'nothing of mcp-login'`},
		{hint: "to take it out, run: mcp-login config … --write --remove …", before: entry(`"command":"sh","args":["-c","mcp-login https://a.example/mcp"]`), when: `mcp-login uninstall; false`, does: `mcp-login uninstall 2>&1 | sed -n 's/.*to take it out, run: //p' | sh`, then: `mcp-login uninstall | grep 'nothing of mcp-login'`},
		{hint: "copies of your clients' files, from before mcp-login changed them, are yours; they may hold secrets. To remove them, run: …", before: named + `; mcp-login uninstall --write`, when: `mcp-login uninstall; false`, does: `mcp-login uninstall 2>&1 >/dev/null | sed -n 's/.*To remove them, run: //p' | sh`, then: `! ls .cursor/*.bak`},
		{hint: "there is a copy of this program as well; to remove it, run: …", before: `mkdir -p .local/bin; cp "$(command -v mcp-login)" .local/bin`, when: `mcp-login uninstall; false`, does: `mcp-login uninstall 2>&1 | sed -n 's/.*copy of this program.*run: //p' | sh`, then: `! ls .local/bin/mcp-login`},
		{hint: "when that is mended, run again: mcp-login uninstall --write", before: `mkdir .cursor; echo '{"mcpServers":{"x":{"command":"mcp-login"' >.cursor/mcp.json`, when: `mcp-login uninstall --write`, mend: func(w *world) { _, _ = w.run(`echo {} >.cursor/mcp.json`) }, then: `mcp-login uninstall | grep 'nothing of mcp-login'`},
		{hint: "end it at the provider, where its tokens stay valid until they expire", before: `mcp-login login $URL`, meanwhile: func(w *world) { _ = w.idp.Close() }, when: `mcp-login uninstall --write`, does: `mcp-login uninstall | grep 'nothing of mcp-login'`},
	}
}
