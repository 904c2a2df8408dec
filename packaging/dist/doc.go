// Package dist reads the folder in which GoReleaser leaves a release, for the programs
// that make packages of it, and writes what they hold.
//
//  1. [Read] takes the version from metadata.json and the list of files from
//     artifacts.json. Paths in there begin with the folder's own name, so that a folder
//     that was moved is read as well.
//  2. [Release.Program] is the built mcp-login of one system: all packages hold the same
//     bytes.
//  3. [Fill] fills in a template: who publishes, which version.
package dist
