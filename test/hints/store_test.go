package hints

// ofTheStore are the hints about where logins are kept.
func ofTheStore() []row {
	const sealed = `export MCP_LOGIN_STORE=passphrase; `
	return []row{
		{hint: "set MCP_LOGIN_PASSPHRASE, or MCP_LOGIN_PASSPHRASE_FILE to a file that holds it", when: sealed + `mcp-login login $URL`, does: sealed + `export MCP_LOGIN_PASSPHRASE='correct horse battery staple'; mcp-login login $URL`, then: sealed + `echo correct horse battery staple >p; export MCP_LOGIN_PASSPHRASE_FILE=p; mcp-login token $URL`},
		{hint: "a good one: openssl rand -base64 24", when: sealed + `export MCP_LOGIN_PASSPHRASE=short; mcp-login login $URL`, does: sealed + `export MCP_LOGIN_PASSPHRASE=$(openssl rand -base64 24); mcp-login login $URL`},
		{hint: "set MCP_LOGIN_PASSPHRASE_FILE to a file that holds the passphrase on one line", when: sealed + `export MCP_LOGIN_PASSPHRASE_FILE=none; mcp-login login $URL`, does: sealed + `echo correct horse battery staple >p; export MCP_LOGIN_PASSPHRASE_FILE=p; mcp-login login $URL`},
		{hint: "set MCP_LOGIN_PASSPHRASE to the passphrase of this store; if it is lost, remove … and sign in again", before: sealed + `export MCP_LOGIN_PASSPHRASE='correct horse battery staple'; mcp-login login $URL`, when: sealed + `export MCP_LOGIN_PASSPHRASE='another horse battery staple'; mcp-login token $URL`, does: sealed + `export MCP_LOGIN_PASSPHRASE='correct horse battery staple'; mcp-login token $URL`},
		{hint: "chmod 700 …, or choose another directory with MCP_LOGIN_DIR", before: `mkdir -m 777 "a b"`, when: `export MCP_LOGIN_DIR="$PWD/a b"; mcp-login login $URL`, then: `export MCP_LOGIN_DIR="$PWD/a b"; mcp-login login $URL`},
		{hint: "choose another directory with MCP_LOGIN_DIR", when: `export MCP_LOGIN_DIR=$PWD/$(printf %0300d); mcp-login login $URL`, does: `export MCP_LOGIN_DIR=$PWD/other; mcp-login login $URL`},
		{hint: "if nobody else can have read it: chmod 600 …; otherwise remove it and sign in again", before: `export MCP_LOGIN_DIR="$PWD/a b"; mcp-login login $URL; chmod 644 "a b"/*.plain`, when: `export MCP_LOGIN_DIR="$PWD/a b"; mcp-login token $URL`, then: `export MCP_LOGIN_DIR="$PWD/a b"; mcp-login token $URL`},
		{hint: "set MCP_LOGIN_DIR to a private directory", when: `unset HOME MCP_LOGIN_DIR; mcp-login login $URL`, does: `unset HOME; mcp-login login $URL`},
		{hint: "set MCP_LOGIN_DIR to a private directory, or choose --store memory", when: `unset HOME MCP_LOGIN_DIR MCP_LOGIN_STORE; mcp-login login --timeout 1s --no-browser $URL`, does: `unset HOME MCP_LOGIN_DIR; mcp-login login --store memory $URL`, then: `unset HOME; mcp-login login $URL`},
		{hint: "start a keyring (on Linux a Secret Service such as gnome-keyring on a D-Bus session), or choose --store file or --store memory", when: `export DBUS_SESSION_BUS_ADDRESS=unix:path=$PWD/none; mcp-login login --store keyring $URL`, does: `mcp-login login --store file $URL`, then: `mcp-login login --store memory $URL`},
		{hint: "make room on the disk, or set MCP_LOGIN_DIR to a directory on another one", needs: `unshare -rm true`, when: `unshare -rm sh -c 'mkdir full; mount -t tmpfs -o size=16k none full; head -c 99999 /dev/zero >full/big; MCP_LOGIN_DIR=$PWD/full/state mcp-login doctor'`, does: `MCP_LOGIN_DIR=$PWD/other mcp-login doctor`},
		{hint: "to find out why, run: mcp-login doctor", when: `unset MCP_LOGIN_DIR; HOME=/proc mcp-login login $URL`, does: `unset MCP_LOGIN_DIR; HOME=/proc mcp-login doctor`, still: "set MCP_LOGIN_DIR to a directory that you can write to", then: `MCP_LOGIN_DIR=$PWD/other mcp-login login $URL`},
		{hint: "set MCP_LOGIN_DIR to a directory that you can write to", when: `unset MCP_LOGIN_DIR; HOME=/proc mcp-login doctor`, does: `MCP_LOGIN_DIR=$PWD/other mcp-login doctor`},
	}
}
