// Package account puts one server and one account there together: which login a
// command is about, the token that it leads to, and the connection.
//
//  1. Package cli fills [Settings], [Connection] and [Browser] from flags and variables
//     (settings.go, connection.go, browser.go). Nobody else does.
//  2. [Find] compares the settings with the logins that are kept (choose.go). What is not
//     said is free: a command that names only a server finds the one account that is kept
//     there. Several that fit are an error, a [SeveralError], with the lines that name each;
//     nothing is ever chosen for the person. None that fits: the settings themselves
//     make an account, and a login there keeps them.
//  3. [Find] and [Load] read what is kept, which holds where nothing else is said
//     (choose.go).
//  4. [Open] makes an [Account] of it (account.go). Nothing is sent yet.
//     What the person gave to the server beside a login is named when it is refused
//     (given.go).
//  5. [Account.Relay] serves an MCP client (stack.go), and [Account.Start] begins a session
//     in which mcp-login is the client itself (session.go). Both stack what a connection
//     needs: the wire of bridge/upstream, signed by oauth, and the translation of
//     bridge/protover.
//  6. When a person has to sign in, the prompt is shown (present.go), a browser opened
//     (browser.go), and the answer awaited at an address of this machine (callback.go), or
//     pasted (paste.go). For a client this happens in a detached process, which gets a
//     [Handover] on its stdin and outlives the client (detached.go); whoever waits follows
//     its record in the store.
//
// Environment and stdin are handed in; nothing here looks at flags. What a person reads
// goes through package terminal.
package account
