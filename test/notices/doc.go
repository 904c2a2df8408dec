// Command notices writes THIRD_PARTY_NOTICES.txt: the licences, and the notices
// where there are any, of the modules that the two programs link on any of the six
// systems they are built for. It is run after every change of go.mod:
//
//	go run ./test/notices
//
// With -check it only says whether the file is up to date; its test does the same.
package main
