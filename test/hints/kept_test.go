package hints

// inSession runs lines in a D-Bus session of their own. What they say goes by way of a
// file: a keyring that the bus has started now and then outlives the bus.
func inSession(lines string) string {
	return "cat >lines <<'END'\n" + lines + "\nEND\n" +
		`export XDG_RUNTIME_DIR=$HOME/run MCP_LOGIN_STORE=keyring; mkdir -p -m 700 run; dbus-run-session -- sh lines >said 2>&1; code=$?; cat said; exit $code`
}

const (
	session = `which dbus-run-session gnome-keyring-daemon dbus-send`
	// unlock signs in to the desktop.
	unlock = "printf testpw | gnome-keyring-daemon --unlock --components=secrets >/dev/null\n"
	// stop holds up the keyring for as long as the next line takes.
	stop = `mcp-login token $URL >/dev/null
keyring=$(dbus-send --print-reply=literal --dest=org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus.GetConnectionUnixProcessID string:org.freedesktop.secrets)
trap 'kill -CONT ${keyring##* }' EXIT
kill -STOP ${keyring##* }
`
)

// ofWhatIsKept are the hints about logins that are kept and cannot be read, or that
// cannot be kept.
func ofWhatIsKept() []row {
	const token = "mcp-login token $URL"
	const sealed = `export MCP_LOGIN_STORE=passphrase MCP_LOGIN_PASSPHRASE='correct horse battery staple'; `
	const nowhere = `export MCP_LOGIN_DIR=$PWD/file/state; `
	signedIn := inSession(unlock + "mcp-login login $URL")
	return []row{
		{hint: "unlock the keyring, for example by signing in to the desktop, and try again; or choose --store file", needs: session, before: signedIn, when: inSession(token), does: inSession(unlock + token), then: inSession(`mcp-login login --store file --profile a $URL`)},
		{hint: "look for a window that asks for the keyring's password, answer it and try again; restart the keyring if there is none; or choose --store file", needs: session, before: signedIn, when: inSession(unlock + stop + token), does: inSession(unlock + token), then: inSession(unlock + stop + `mcp-login login --store file --profile a $URL`)},
		{hint: "see whether another program can use the keyring, or choose --store file", when: `export DBUS_SESSION_BUS_ADDRESS=none; mcp-login login --store keyring $URL`, does: `export DBUS_SESSION_BUS_ADDRESS=none; mcp-login login --store file $URL`},
		{hint: "if this happens again, see which program changes files in …", before: `mcp-login login $URL; for f in $MCP_LOGIN_DIR/*.plain; do echo x >$f; done`, when: token, does: `mcp-login login $URL 2>/dev/null`, then: token},
		{hint: "remove the files …", before: `export MCP_LOGIN_DIR="$PWD/a b"; mcp-login login $URL; for f in "$MCP_LOGIN_DIR"/*.plain; do echo x >"$f"; done; rm "$MCP_LOGIN_DIR"/index*`, when: `export MCP_LOGIN_DIR="$PWD/a b"; mcp-login logout --all`, then: `export MCP_LOGIN_DIR="$PWD/a b"; mcp-login doctor`},
		{hint: "remove the files …", before: `mcp-login login $URL; for f in $MCP_LOGIN_DIR/*.plain; do echo x >$f; done; rm $MCP_LOGIN_DIR/index*`, when: `mcp-login doctor`, then: `mcp-login doctor`},
		{hint: "run as the user who signed in, or remove it", needs: `test "$(id -u)" = 0`, before: `mcp-login login $URL; chown 65534 $MCP_LOGIN_DIR/*.plain`, when: token, does: `rm $MCP_LOGIN_DIR/*.plain; mcp-login login $URL`, then: token},
		{hint: "use the newer release of mcp-login", before: sealed + `mcp-login login $URL; sed -i '1s/1$/9/' $MCP_LOGIN_DIR/passphrase.key; head -c 80 $MCP_LOGIN_DIR/passphrase.key`, when: sealed + token, does: sealed + `sed -i '1s/9$/1/' $MCP_LOGIN_DIR/passphrase.key; ` + token},
		{hint: "set MCP_LOGIN_DIR to a directory on a local disk", needs: "$LOCKLESS true", when: "$LOCKLESS mcp-login login $URL", does: "MCP_LOGIN_DIR=$PWD/local mcp-login login $URL"},
		{hint: "set MCP_LOGIN_DIR to a directory that you can write to", needs: `unshare -rm true`, when: `unshare -rm sh -c 'mkdir full; mount -t tmpfs -o ro none full; MCP_LOGIN_DIR=$PWD/full/state mcp-login login $URL'`, does: `MCP_LOGIN_DIR=$PWD/other mcp-login login $URL`},
		{hint: "set MCP_LOGIN_DIR to a directory that you can write to", before: `touch file`, when: nowhere + `mcp-login doctor $URL`, does: `export MCP_LOGIN_DIR=$PWD/other; mcp-login doctor $URL`},
		{hint: "set MCP_LOGIN_DIR to a directory that you can write to", before: `touch file`, when: nowhere + `mcp-login login $URL`, does: `export MCP_LOGIN_DIR=$PWD/other; mcp-login login $URL`},
	}
}
