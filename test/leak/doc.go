// Package leak tells what tests leave behind: goroutines, which fail a package, and memory.
package leak
