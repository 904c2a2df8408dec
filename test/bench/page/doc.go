// Package page spells the figures of a benchmark and puts its tables into a page of
// the documentation, between two marks.
package page
