// Package issuer is a small OpenID provider whose tokens are made for the asking: metadata,
// keys, userinfo and introspection, each of which a test may replace. It also sends requests
// as the clients do that hold its tokens, and reads the refusals.
package issuer
