// Package hint is the one error type for people: what was under way, what went
// wrong, and what to do about it.
//
// Whoever knows the next step wraps the error with [With] or [Error]; whoever shows
// an error asks [Of] for it, however deep it is wrapped. A hint can be copied and
// works: [Quote] makes its words safe for a shell, and secrets in it are
// placeholders. What a stranger has said reaches a hint only through
// internal/foreign. Where the program is not on the PATH, as under npx, its lines begin with
// the words that start it there ([StartedBy], [Spell]).
package hint
