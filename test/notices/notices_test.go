package main

import (
	"bytes"
	"os"
	"testing"
)

// The notices are those of what the programs link: go.mod does not change without
// them. The modules with a NOTICE of their own (Apache License 2.0, section 4d) have
// it there.
func TestNoticesAreUpToDate(t *testing.T) {
	for _, name := range []string{"../../go.mod", "../../go.sum", "../../" + file} { // for the cache of tests
		if _, err := os.Stat(name); err != nil {
			t.Fatal(err)
		}
	}
	if err := run(true); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../../" + file)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(text, []byte(": NOTICE")); n < 5 {
		t.Errorf("only %d notices", n)
	}
}
