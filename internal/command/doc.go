// Package command runs programs of the person that print a secret: a bearer token or the
// value of a header. gcloud, az, vault and op are such programs.
//
//  1. [Parse] splits a command line into a [Command], by rules of its own: there is no shell.
//  2. A command runs without input, for half a minute at most, in a process group of its own that
//     ends with it. Only one line of its output counts.
//  3. [Value] is what it printed, kept while it is good. One run serves all requests that wait.
//  4. [Set] puts the values on the requests to one server. After a 401 the commands are run
//     again, and the request is sent once more.
//
// Neither the output of a command nor its arguments are logged, stored, or part of an error:
// they may hold a secret.
package command
