// Package pace sets how often the garbage collector runs by how much is in use:
// what is right for a program that idles with two megabytes is not right for the
// same one with a message of a hundred.
//
//  1. A program says by a [Rule] which percentage it wants (GOGC; see package
//     runtime) up to how many bytes, and which beyond.
//  2. [Follow] sets the first one, and after each collection the one for what that
//     has left.
//  3. A person who has set GOGC is left alone.
package pace
