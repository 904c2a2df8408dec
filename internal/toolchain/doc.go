// Package toolchain knows which release of Go a program should have been built
// with. The go line of go.mod says what can build it, which is older: somebody
// who builds it with such a Go hears from the program that the release has a known
// vulnerability ([Outdated]).
package toolchain
