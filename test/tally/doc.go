// Command tally runs go test with what it is given and says at the end what was not
// run, and why: go test prints nothing of a package that passes.
//
//	go run ./test/tally ./...
//
// It prints the closing line of each package, all that one said that fails, and then
// how many tests passed, failed and were skipped, with each reason once. The exit
// code is that of go test.
package main
