// Package binary is the rig of whole-program tests: it builds the project's programs,
// without cgo, as a user gets them, once for all test processes (Build), is TestMain
// (Main), plays the browser that the programs open (Browse), keeps what they say
// (Output), and waits for what they do (Until).
package binary
