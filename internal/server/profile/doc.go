// Package profile asks Logto's Management API who a caller is, for tokens that say
// little more than a subject. It acts as a machine-to-machine application, which reads
// what Logto knows of any user, so that its secret deserves more care than the rest of
// a server (profile.go: what a request gets; logto.go: what Logto is asked).
//
// A profile is a courtesy. It is no reason to refuse anybody, and a request waits for it
// for [maxWait] at most: without it the identity stays as the token says it. Answers are
// remembered, in bounded number and size, and so are failures, so that a Logto that is
// down is asked once in a while and not by every request.
package profile
