// Package binary builds the project's programs for whole-program tests: once
// per test process, without cgo, as a user gets them. It also plays the browser
// that they open, and keeps what they say.
package binary
