// Package foreign is the one filter for what strangers say: servers, providers,
// certificates, files that somebody else wrote. Whatever of it reaches a terminal,
// a page, a log or a model goes through here first. What is read of them is bounded
// here as well, and what our own log says of them.
//
//  1. [Line] makes it a piece of one line: for errors, notes, hints and tables,
//     where a newline of a stranger would begin a line that looks like ours.
//     [Message] is for a whole message that holds such pieces, [LineOf] takes
//     another bound (filter.go).
//  2. [Text] keeps lines and tabs: for the result of a tool on a terminal (filter.go).
//  3. [Address] is for addresses, which people copy into a shell (address.go).
//  4. [JSON] escapes in encoded JSON what the others drop, so that nothing is lost
//     (json.go). [TextWriter] and [JSONWriter] do the same to what others write, such as
//     logs (writer.go).
//  5. [ReadBody] reads the body of an HTTP answer within a limit of bytes and of
//     time, and closes it (body.go).
//  6. [Discard] gives a connection back that an answer still stands on, if
//     little is left of it, and closes it otherwise (body.go).
//  7. [ReadFile] reads a regular file within a limit of bytes and of time,
//     [ReadGiven] also a pipe, if a person has named it (file.go).
//  8. [HTTPError] takes out of an error of net/http what the peer has sent
//     (httperror.go).
//  9. [LogLimit] bounds what strangers can make us write into a log (log.go), [Outage]
//     what is written about one that fails (outage.go).
//  10. [Quote] is [Line] for what a peer says in an answer, without the secrets that
//     [Withhold] has named: many an answer quotes its request (withhold.go).
//  11. [ParseObject] reads a JSON object whose members may have other types than
//     their specification says (object.go).
//  12. [Buffer] holds what comes in parts, and in any size that its caller allows
//     (buffer.go).
//
// What is dropped are characters that are not seen but do something: control
// characters (ESC and DEL among them), what turns the direction of writing, line and
// paragraph separators, and what has no width: zero-width characters, variation
// selectors, tags. The joiners that Persian, Indic scripts and compound emoji use
// are among them: such text is still read, less beautifully, and two names that
// look alike are the same. All other characters stay as they are.
//
// The package knows no protocol and imports nothing of the project.
package foreign
