package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The README's first command: alice's claims come out, and the temporary folder
// is empty afterwards.
func TestDemo(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	t.Setenv("TMP", temp)
	var out, errOut bytes.Buffer
	if err := run(t.Context(), true, &out, &errOut); err != nil {
		t.Fatalf("%v\n%s\n%s", err, &out, &errOut)
	}
	for _, part := range []string{`"email": "alice@example.test"`, `"sub": `, "1 registration, 1 login, 1 code exchange"} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("%q is missing in:\n%s", part, &out)
		}
	}
	left, err := os.ReadDir(temp)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range left {
		if strings.HasPrefix(entry.Name(), "mcp-login") {
			t.Errorf("left behind: %s", entry.Name())
		}
	}
}
