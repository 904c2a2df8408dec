// Package leak ends the tests of a package as failed when goroutines outlive them.
package leak
