// Command npmregistry is an npm registry on loopback for one check: what is published to
// it can be installed from it, and it writes down what was fetched.
//
//  1. It writes its address into ADDRESS-FILE when it listens.
//  2. PUT /NAME is npm publish, GET /NAME what there is of a package, and
//     GET /NAME/-/FILE.tgz its content. Each content that is fetched is a line on stdout.
//  3. All else is not found: nothing comes from anywhere else.
//
// Usage: go run ./packaging/npmregistry ADDRESS-FILE >FETCHED
package main
