// Package dpop makes and checks the proofs of RFC 9449 (OAuth 2.0 Demonstrating Proof
// of Possession): a token that is bound to a key is of no use to whoever steals it
// without the key.
//
// A client has a [Key] for each account and sends a proof with each request, made by
// [Key.Proof] (key.go). A provider or a resource checks it with [Verify] (verify.go),
// which says all that a proof says alone; the caller then compares the key with that of
// the token, judges the age, and remembers the identifier so that no proof is
// taken twice. [Nonces] are nonces that need no memory (nonce.go).
//
// The package does no input or output, and keeps nothing.
package dpop
