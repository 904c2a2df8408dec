// Package build knows what a program was built from and how it came to this machine.
//
//  1. [Of] reads what Go has stamped into the program: version, commit, its date, and
//     whether files were changed. A version that was linked in comes first.
//  2. [Outdated] tells people that the Go which built the program has a known
//     vulnerability. The go line of go.mod says what can build it, which is older.
//  3. The release build stamps the address that tells which release is the newest. A
//     program that has it is [Official]; [Feed] is the address.
//  4. [ChannelOf] tells by which way an official program was installed. All ways carry
//     the same bytes, so that it is told from outside: by a variable, a file, or the path.
//  5. [Channel.Upgrade] is the line that brings the newest release by the same way.
package build
