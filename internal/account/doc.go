// Package account says which account a command is about: a server, a profile, and
// what a person has said about how to sign in there.
//
//  1. Flags and variables fill [Settings]. Nobody else does.
//  2. [Choose] compares them with the logins that are kept. What is not said is free:
//     a command that names only a server finds the one account that is kept there.
//  3. Several that fit are an error, a [SeveralError], with the lines that name each.
//     Nothing is ever chosen for the person.
//  4. None that fits: the settings themselves make an account, and a login there
//     keeps them.
//
// A process that signs in for another one gets the same Settings from it.
package account
