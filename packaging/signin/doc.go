// Command signin takes an installed mcp-login through its whole life, as the person and
// the MCP client would, and fails unless it sees each step happen:
//
//	go run ./packaging/signin [FLAGS] -- COMMAND [ARGS...]
//	HOME=$WORK/home signin -left $WORK/home -- npx -y mcp-login@0.9.0
//	HOME=$WORK/home signin -- chroot $ROOT /usr/bin/mcp-login
//	HOME=$WORK/home signin -how device -- podman run -i --rm --network host IMAGE
//
// COMMAND is whatever runs mcp-login here: its path, or a wrapper. HOME must be another
// than the person's own, because the last step removes all that mcp-login has kept there. Of
// the environment COMMAND gets PATH, HOME and TMPDIR: other variables may lead to what is the
// person's.
//
//  1. A provider and whoami-server start on loopback, or with -server a program that has such a
//     tool: it is told the address to listen on in RESOURCE, and the provider in ISSUER (stage.go).
//  2. COMMAND signs in (-how, steps.go). The driver plays the person: it hears on stderr
//     where to sign in, and does so as alice (person.go).
//  3. A client starts COMMAND as its bridge, calls the tool whoami, and closes stdin
//     (session.go). The claims are those of alice, nobody was asked, and it ends with 0.
//  4. COMMAND uninstall --write. The provider was told, and there is no file in the folder
//     of logins under HOME, nor in those of -left: for a COMMAND that has another HOME.
//
// Each step is a line on stdout. Each has -limit to end in. It exits with 1, what went wrong
// and the last lines of COMMAND, when something is not as it should be. -args are
// further flags for the sign-in and the bridge.
package main
