// Package reader plays the reader of a page of the documentation, who pastes its commands
// into a shell.
//
//  1. [Commands] reads the blocks of a page that are marked as sh. Behind each stands a
//     block of text, which is what the command prints, or a paragraph that begins with
//     "Not run by a test" and says why.
//  2. [Shell] runs them as they stand there, with variables for what is the reader's own,
//     and compares what they print. whoami-server stays until it is started anew.
package reader
