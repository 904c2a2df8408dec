// Package command runs programs of the person that print a secret: a bearer token
// or the value of a header. gcloud, az, vault and op are such programs.
//
//  1. [Words] splits a command line, by rules of its own: there is no shell.
//  2. [Command] is one program with its arguments. It is run without input, for at
//     most [Deadline], and of what it prints only one line is taken.
//  3. [Value] is what it printed, kept while it is good, and printed anew once for
//     all requests that wait.
//  4. [Set] puts the values on the requests to one server. After a 401 they are
//     printed anew, and the request is sent once more.
//
// Nothing that a command prints is logged, kept, or part of an error, and neither
// are its arguments: they may hold a secret.
package command
