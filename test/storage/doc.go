// Package storage holds tests of what many real processes do to one store, on
// the real program: they start at once, with nothing or with a token that has
// ended, on every kind of store, and the one that holds the lock is killed at
// random moments.
//
// MCP_LOGIN_STORM_ROUNDS=100, with MCP_LOGIN_TEST_LONG=1, asks for as many rounds of killing; without it
// there are a few, so that the package takes seconds.
package storage
