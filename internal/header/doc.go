// Package header reads header lines as people write them, in flags, in files and in
// the configuration of MCP hosts: 'Name: value', with variables in the value.
//
//  1. [Lines] finds the lines of a file, [Split] takes one apart; [ValidValue] judges a
//     value by RFC 9110, section 5.5.
//  2. [Expand] replaces ${NAME} and ${env:NAME} by the variables.
//  3. [Placeholder] is a line that can be shown: without what may be a secret.
//
// A line may hold a secret in the wrong place. No error shows any of it.
package header
