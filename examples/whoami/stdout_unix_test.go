//go:build unix

package main

import (
	"os"
	"testing"
)

// A reader that goes away ends the demo.
func TestClosedStdout(t *testing.T) {
	t.Parallel()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p := prepare(t, nil, "-auto")
	p.cmd.Stdout = write
	p.start()
	_ = write.Close()
	if _, err := read.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	_ = read.Close()
	p.ends(1)
	if said := p.errOut.String(); said != "" {
		t.Errorf("on stderr: %s", said)
	}
}
