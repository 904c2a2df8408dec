// Package page puts the tables of a benchmark into a page of the documentation,
// between two marks.
package page
