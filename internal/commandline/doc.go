// Package commandline says what somebody probably meant who wrote a command line that
// a program does not take. It knows no program: callers name the words and flags that
// there are. It changes nothing and prints nothing.
//
//  1. [Split] takes a command line apart into flags, their values and arguments.
//     [Line.Show] writes it again, quoted for a shell.
//  2. [Similar] finds names that look like a word (nearest.go).
//  3. [Address], [Duration], [Size] and [Boolean] find what a value was to be
//     (address.go, value.go).
package commandline
