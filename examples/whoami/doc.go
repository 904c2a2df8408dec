// Command whoami shows mcp-login at work on this machine, with nothing installed but
// Go:
//
//		go run ./examples/whoami          sign in in your browser
//		go run ./examples/whoami -auto    nobody is asked
//
//	 1. mcp-login is built from this clone.
//	 2. devidp, a development OpenID provider that behaves like Logto, and the whoami
//	    MCP server start (stage.go).
//	 3. An MCP client starts mcp-login with the server's URL as its only argument
//	    (client.go). A person signs in: in the browser, or, where none can be opened, with
//	    a code. With -auto, or when somebody presses Enter, the demo signs in as alice
//	    (person.go).
//	 4. The client calls the tool whoami and prints the claims.
//	 5. The client starts again, and nobody is asked.
//	 6. A second program starts beside it and shares the login.
//	 7. The access token runs out, and is renewed once for both.
//	 8. mcp-login logout ends the login.
//
// Each scene checks that it was as it says (scenes.go). Everything listens on 127.0.0.1
// and is kept in a temporary folder. However the demo ends (its last scene, Ctrl-C, a
// closed terminal, a closed stdout), the bridges are ended first, then the listeners,
// then the folder is removed. The sign-in runs in the bridge that asks for it
// (MCP_LOGIN_NO_DETACH), so that none outlives the demo.
package main
