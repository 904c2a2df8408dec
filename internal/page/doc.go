// Package page renders the HTML that the programs show in a browser: how a login
// ended, what a server is, the development provider's sign-in.
//
//  1. A [Template] is a document with places like {{Title}}; {{Style}} and
//     {{Script}} are its own.
//  2. [Text] makes a value fit for a place. [HTML] is markup of ours, and stands as
//     it is.
//  3. [Template.Headers] sets what keeps everything else off the page: a policy that
//     knows its style and script by their hashes (Content Security Policy Level 3).
//
// html/template would be the usual way. It finds methods by their names while the
// program runs, so that the linker keeps every exported method of every type: two
// megabytes of each program.
package page
