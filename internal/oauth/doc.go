// Package oauth is the client side of MCP authorization: it turns a refusal by an MCP
// server into a token, keeps the token fresh, and signs requests. Finding the
// authorization server is internal/oauth/discovery, and the requests to it are
// internal/oauth/grant; this package has the order of the steps, what is kept of them,
// and whether a person may be asked.
//
// One login runs in these steps:
//
//  1. The server answers 401 with a challenge (RFC 9110 section 11.6.1, RFC 6750 section
//     3, RFC 9728 section 5.1). All requests of this process share one renewal.
//  2. The lock of the account is taken and the store read again: another process may
//     have finished the login meanwhile.
//  3. A refresh token is used first (RFC 6749 section 6), or the client's own
//     credentials where they are what was asked for (section 4.4).
//  4. A person is needed: [AskState] decides whether one may be asked. The login lock is
//     taken, by this process or by the one that Config.StartDetached starts. Everybody
//     else waits for it.
//  5. Discovery finds the authorization server.
//  6. The redirect listener is bound, before anything is registered or shown, so that
//     nobody else can hold the port (RFC 8252 section 7.3). The device grant (RFC 8628)
//     needs none.
//  7. The client is the one that the person named, else a client ID metadata document,
//     else one that is registered dynamically (RFC 7591).
//  8. The authorization request with S256 PKCE (RFC 7636), state and resource (RFC 8707)
//     is shown; exactly one valid answer is awaited, its issuer compared (RFC 9207).
//  9. The code is exchanged, the credential saved, and only then is the browser tab told
//     that the login succeeded.
//
// [Client.Transport] hides all of this behind an http.RoundTripper that replays the
// refused request once. The package opens no browser, touches no keyring and prints
// nothing: the redirect listener and the store are handed in as [Redirect] and [Store].
package oauth
