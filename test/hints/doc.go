// Package hints runs what the programs advise.
//
//  1. The sources are read for everything that ends as a hint (find). Each must stand
//     in the table of this package.
//  2. Each row of the table names the test that brings about the situation, does what
//     the hint says, as it is printed, and shows that the situation is over.
package hints
