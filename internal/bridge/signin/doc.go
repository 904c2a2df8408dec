// Package signin stands in for the server while a person signs in.
//
// A client gives a server 20 to 60 seconds to answer initialize and kills it then; a
// person with a password, a second factor and a consent page needs longer.
//
//  1. [Stage] passes everything on. It watches over initialize and server/discover
//     alone, for as long as the client is known to wait ([PatienceOf]).
//  2. When that time is over and a person is still awaited, initialize is answered
//     here, with what the server said the last time ([Results]) or with a result that
//     promises nothing but lists that change; server/discover is refused, so that a
//     client of both kinds begins a session and meets the same.
//  3. Until the real session is there the client sees one tool, [Tool], which says where
//     to sign in. Other requests end in an error that says it too.
//  4. When the server has answered, it hears what the client owes it
//     (notifications/initialized), the lists are declared changed, and everything is
//     passed on again, but for calls of that tool.
//
// Here and in package lazy alone does the bridge speak for the server. The package knows no OAuth: who is
// awaited is told by Config.Pending.
package signin
