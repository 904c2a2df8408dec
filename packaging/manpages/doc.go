// Program manpages writes the manual pages from what the programs themselves print as help. Its
// arguments are a folder, mcp-login and whoami-server.
//
//  1. main.go asks mcp-login for the help of each command, with all its flags, and of each
//     topic, and whoami-server for its own.
//  2. help.go reads such a text: paragraphs, then sections of lines in two columns.
//  3. roff.go sets it as a page: commands in section 1, topics in 7, the server in 8.
//
// So there is one text for both, and nothing of this is in the programs. The date is that of
// the commit: two runs write the same bytes.
package main
