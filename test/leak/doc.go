// Package leak fails the tests of a package when goroutines outlive them.
package leak
