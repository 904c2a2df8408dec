// Command npm writes the folders of the npm packages of a release, for npm pack and npm
// publish.
//
//  1. DIST/npm/cli-OS-CPU, six of them, hold the program of one system each. Their os and
//     cpu make npm fetch one of them and no other.
//  2. DIST/npm/mcp-login names them as its optional dependencies, in this very version, and
//     starts the program of the one that was fetched (mcp-login.js). No package has a script
//     that npm would run, and nothing is downloaded later.
//  3. Modes and contents depend on nothing but the release, and npm pack writes neither times
//     nor owners: the same release gives the same bytes.
//
// It is run in the folder of the repository: go run ./packaging/npm DIST
package main
