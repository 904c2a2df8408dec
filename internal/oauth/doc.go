// Package oauth is the client side of MCP authorization: it turns a refusal by an MCP
// server into a token, keeps the token fresh, and signs requests. Finding the
// authorization server is internal/oauth/discovery, and the requests to it are
// internal/oauth/grant; this package has the order of the steps, what is kept of them,
// and whether a person may be asked.
//
// One login runs in these steps:
//
//  1. The server answers 401 with a challenge (RFC 9110 section 11.6.1, RFC 6750 section
//     3, RFC 9728 section 5.1; tokenrefusal.go). All requests of this process share one
//     renewal (renew.go).
//  2. The lock of the account is taken and the store read again: another process may
//     have finished the login meanwhile (renew.go).
//  3. A refresh token is used first (RFC 6749 section 6; renew.go), or where that was asked
//     for the client's own credentials (section 4.4; clientcredentials.go) or the token of
//     the platform that the program runs on (RFC 7523; workload.go).
//  4. A person is needed: [AskState] decides whether one may be asked (ask.go,
//     askperson.go). The login lock is taken, by this process (renew.go) or by the one that
//     Config.StartDetached starts (detached.go). Everybody else waits for it.
//  5. Discovery finds the authorization server (discover.go).
//  6. The redirect listener is bound, before anything is registered or shown, so that
//     nobody else can hold the port (RFC 8252 section 7.3; try in login.go). The device
//     grant (RFC 8628) needs none (devicelogin.go).
//  7. The client is the one that the person named, else the person's client ID metadata
//     document, else the one registered in an earlier login, else the project's document,
//     else one that is registered dynamically (RFC 7591; clientchoice.go). Whether the
//     provider knows it is asked first (probe.go).
//  8. Where the server asks for tokens that are bound to a key (RFC 9449), the account gets
//     one before anything is requested, and keeps it (bind.go).
//  9. The authorization request with S256 PKCE (RFC 7636), state and resource (RFC 8707)
//     is shown (authorize in login.go; its scopes and prompt: request.go), and pushed to
//     the provider when the browser comes (RFC 9126; push.go); exactly one valid answer
//     is awaited, its issuer compared (RFC 9207).
//  10. The code is exchanged, the credential saved, and only then is the browser tab told
//     that the login succeeded (login.go). What is kept: credential.go, choices.go, and of
//     one that failed attempt.go.
//
// With [Config.Enterprise] a person signs in at the company's provider instead, by the same
// steps and once for all servers. Its ID token is exchanged there for an assertion, which is
// presented to the authorization server of step 5 (enterprise.go; RFC 8693, RFC 7523, MCP
// extension Enterprise-Managed Authorization).
//
// [Client.Transport] hides all of this behind an http.RoundTripper that replays the
// refused request once (transport.go). Where tokens are bound to a key it puts a fresh
// proof on each request; another try for a nonce is no renewal (bind.go). [Client] holds
// it together (client.go), [Client.Logout] ends a login (revoke.go), and
// [Client.CheckClient] is for doctor (clientcheck.go). The package opens no browser,
// touches no keyring and prints nothing: the redirect listener and the store are handed
// in as [Redirect] (redirect.go) and [Store] (store.go).
package oauth
