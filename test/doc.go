// Package test holds the rules of the house that can be checked: which room may
// import which, how large files may grow, and what the programs may link.
// Whole-program tests are in the folders below.
package test
