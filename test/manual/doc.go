// Package manual holds the documentation to what it says: its links lead somewhere, and its
// commands work.
//
//  1. All pages are read: README and its neighbours, and docs (pages_test.go).
//  2. A link names a file and a heading that are there; the index has every page
//     (links_test.go).
//  3. The commands in a page's blocks are run from top to bottom, in a home in which nothing
//     has been done, as a reader would. Those within a line are run one by one, in a home
//     with a login and with clients (commands_unix_test.go).
//  4. The addresses of the pages are those of a provider and of servers on this machine, and
//     programs that print tokens are small stand-ins (world_unix_test.go).
//  5. What is not run stands in a table with the reason (table_unix_test.go). A command that is
//     new is run, or fails the test.
package manual
