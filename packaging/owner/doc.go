// Package owner reads who publishes mcp-login from packaging/publisher, for the programs
// that write manifests and packages.
//
//  1. [Read] is the file: lines of KEY=VALUE as bash takes them, of which it knows
//     comments, double quotes, and ${OWNER:-OWNER}, which is the owner or else the word
//     OWNER, and the same in small letters, ${IMAGE_OWNER:-OWNER}. Any other line is an error.
//  2. Its test writes what README and the pages in docs say about installing (make pages),
//     so that they are true when the owner is filled in.
package owner
