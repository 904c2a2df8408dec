// Package binary builds the project's programs for whole-program tests: once
// per test process, without cgo, as a user gets them.
package binary
