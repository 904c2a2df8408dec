// Package issuer is the smallest authorization server that whoami-server accepts
// tokens of: metadata, one key, and tokens for the asking.
package issuer
