// Package neterror says in words why a request brought no answer, and what a person
// can do about it. The bridge, the login and doctor say it in the same way.
//
//  1. [Explain] takes the error of an HTTP request that brought no answer.
//  2. It looks for the causes that people can do something about: the lookup of the
//     name, the dial, the proxy, the certificate, the clock.
//  3. It returns an [Error], which still wraps the error; of a cause that it does
//     not know, the error as it was.
package neterror
