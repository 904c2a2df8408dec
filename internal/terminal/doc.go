// Package terminal is the only way to a person: whatever a verb prints goes through
// a [Terminal], which filters it (package foreign). No caller has to remember to.
//
// Results go to stdout, all else to stderr with the program's name in front:
//
//  1. [Terminal.Note], [Terminal.Error], [Terminal.Print] and [Terminal.PrintIndented] print one line; each
//     argument of their formats is filtered by itself, as a piece of that line. An
//     [Address] or *url.URL is re-encoded. Only what [Terminal.Colour] returns
//     keeps its escape sequences (print.go). On a terminal, lines are wrapped with an
//     indent; an address, and a command to copy, stay whole (wrap.go).
//  2. [Terminal.Table] prints rows whose columns stay within bounds; in a window that is
//     too narrow, as cards (table.go).
//  3. [Terminal.JSON] prints the one object of --json, with invisible and control
//     characters escaped, on a terminal and on a pipe (print.go).
//  4. [Terminal.Result], [Terminal.ResultAddress] and [Terminal.ResultJSON] print
//     what a tool said (print.go). It keeps its lines, and a pipe gets it unchanged.
//  5. [Terminal.Page] sets a page of the documentation (page.go), [Terminal.QR] a code
//     (qr.go).
//  6. [Terminal.Live] and [Terminal.CountDown] draw the live line, a last line that
//     is redrawn in place (live.go). All other output erases it first.
//  7. [Terminal.Out], [Terminal.Err] and [Terminal.Protocol] are writers for help,
//     for logs, and for JSON-RPC (terminal.go).
package terminal
