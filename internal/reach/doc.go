// Package reach says in words why a host could not be reached, and what a person
// can do about it. The bridge, the login and doctor say it in the same way.
//
//  1. [Explain] takes the error of an HTTP request that brought no answer.
//  2. It looks for the causes that people can do something about: the name, the
//     route, the port, the proxy, the certificate, the clock.
//  3. It returns a [Error], which still wraps the error; of a cause that it does
//     not know, the error as it was.
package reach
