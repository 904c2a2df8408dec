// Package loopback receives the answer to an authorization request on this
// machine (RFC 8252, section 7.3).
//
//  1. [Listen] binds 127.0.0.1, on the port asked for or on any free one, so
//     that the port is ours before a browser or a provider learns it (listener.go).
//  2. [Listener.Local] makes an address of this machine that leads to the provider
//     once (local.go). A browser on this machine is started with it, since others see
//     what it is started with. Where it leads may be made for each visit: a request that
//     is kept at the provider lives shortly, and people take their time.
//  3. [Listener.Receive] says when the answer may come, then waits for one GET of the
//     exact path whose state is the expected one (listener.go). Everything else that
//     reaches the port (favicons, prefetches, port scanners, forged codes and errors,
//     on Linux other users: peer.go) gets 400, 403, 404 or 405 and the wait goes on.
//  4. The browser tab of the valid answer stays open until the caller reports
//     the outcome of the whole login, and then shows that (page.go): success is claimed
//     only after the code has been exchanged.
//
// The pages are static text per outcome and language: no part of a request is
// ever put into them, and they use neither scripts nor anything from elsewhere.
// Of the request, Accept-Language alone chooses among the languages of words.go
// (language.go).
//
// The package knows no OAuth beyond the names of parameters; issuer and error
// are judged by the caller.
package loopback
