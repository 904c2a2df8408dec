package lines

import (
	"bufio"
	"io"
	"strings"
	"testing"
)

// Send writes each line, or ends the test.
func Send(t testing.TB, to io.Writer, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if _, err := io.WriteString(to, line+"\n"); err != nil {
			t.Fatal(err)
		}
	}
}

// Read returns the next line without its end, or ends the test.
func Read(t testing.TB, from *bufio.Reader) string {
	t.Helper()
	line, err := from.ReadString('\n')
	if err != nil {
		t.Fatalf("no line: %v", err)
	}
	return strings.TrimSuffix(line, "\n")
}

// EachText calls see for every string in a decoded JSON value, names of members
// included.
func EachText(v any, see func(string)) {
	switch v := v.(type) {
	case string:
		see(v)
	case []any:
		for _, one := range v {
			EachText(one, see)
		}
	case map[string]any:
		for name, one := range v {
			see(name)
			EachText(one, see)
		}
	}
}
