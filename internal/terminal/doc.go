// Package terminal is the only way to a person: whatever a verb prints goes through
// a [Terminal], which filters it (package foreign), so that no caller has to think
// of that, and none can forget it.
//
// Results go to stdout, all else to stderr with the program's name in front:
//
//  1. [Terminal.Note], [Terminal.Error] and [Terminal.Print] print one line; each
//     argument of their formats is filtered by itself, as a piece of that line. An
//     [Address] or *url.URL is re-encoded. Only what [Terminal.Colour] returns
//     keeps its escape sequences. In a window a line is broken before its edge, and
//     what follows is set in.
//  2. [Terminal.Table] prints rows whose columns stay within bounds.
//  3. [Terminal.JSON] prints the one object of --json; what is not seen is
//     escaped in it, on a terminal and on a pipe.
//  4. [Terminal.Result], [Terminal.ResultAddress] and [Terminal.ResultJSON] print
//     what a tool said. It keeps its lines, and a pipe gets it unchanged.
//  5. [Terminal.Live] and [Terminal.CountDown] draw a last line that changes. All
//     other output takes its place.
//  6. [Terminal.Out], [Terminal.Err] and [Terminal.Protocol] are writers for texts
//     of our own, for logs, and for what other programs read.
package terminal
