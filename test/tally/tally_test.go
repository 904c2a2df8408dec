package main

import (
	"strings"
	"testing"
)

// What was skipped is counted by its reason, what passes says one line, and what fails
// says everything.
func TestSkipsAreCountedByReason(t *testing.T) {
	var said strings.Builder
	all := tally{out: &said, said: map[test]string{}, reasons: map[string]int{}}
	err := all.read(strings.NewReader(`{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:3: REAL PART MISSING: Chromium. To run this test: apt-get\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"--- SKIP: TestA (0.00s)\n"}
{"Action":"skip","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestB","Output":"    a_test.go:9: ONLY WITH MCP_LOGIN_TEST_LONG=1: sleeps\n"}
{"Action":"skip","Package":"p","Test":"TestB"}
{"Action":"pass","Package":"p","Test":"TestC"}
{"Action":"output","Package":"p","Output":"PASS\n"}
{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}
{"Action":"pass","Package":"p"}
{"Action":"output","Package":"q","Test":"TestD","Output":"    d_test.go:1: wrong\n"}
{"Action":"fail","Package":"q","Test":"TestD"}
{"Action":"output","Package":"q","Output":"FAIL\tq\t0.1s\n"}
{"Action":"fail","Package":"q"}
{"Action":"build-output","ImportPath":"r","Output":"r.go:1: no\n"}
{"Action":"skip","Package":"s"}
`))
	if err != nil {
		t.Fatal(err)
	}
	all.close()
	want := "ok  \tp\t0.1s\n    d_test.go:1: wrong\nFAIL\tq\t0.1s\nr.go:1: no\n\n1 passed, 1 failed, 2 skipped\n" +
		"    1 for: Chromium. To run this test: apt-get\n    1 for: they take long; MCP_LOGIN_TEST_LONG=1 runs them, as .ci/run does\n"
	if said.String() != want {
		t.Errorf("%q\nwant %q", said.String(), want)
	}
}
