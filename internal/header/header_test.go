package header_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"mcp-login/internal/header"
)

// A file has one header on a line, which keeps its number.
func TestBlankLinesAndCommentsAreNoHeaders(t *testing.T) {
	var got []string
	for number, line := range header.Lines([]byte("# a\r\n\r\n X: 1 \r\nno header\n\t#\nY: #2")) {
		got = append(got, fmt.Sprint(number, " ", line))
	}
	if want := []string{"3 X: 1", "4 no header", "6 Y: #2"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// A line is split at the first colon or equals sign, and a name must be a token.
func TestALineIsSplitAtTheFirstColonOrEqualsSign(t *testing.T) {
	for line, want := range map[string][2]string{
		"X-Key: value": {"X-Key", "value"}, "X-Key=a:b": {"X-Key", "a:b"}, " X : a=b ": {"X", "a=b"}, "X:": {"X", ""},
		"X Key: v": {}, ": v": {}, "X-Key": {}, "\u00fc: v": {}, "X\rY: v": {}, "": {},
	} {
		name, value, ok := header.Split(line)
		if ok != (want[0] != "") || ok && (name != want[0] || value != want[1]) {
			t.Errorf("%q: %q, %q, %v", line, name, value, ok)
		}
	}
}

// Variables are replaced in one pass. One that is missing or blank is an error, which
// shows no name that may be a secret.
func TestVariablesAreReplacedInOnePass(t *testing.T) {
	variables := map[string]string{"A": "1", "NESTED": "${A}", "BLANK": " "}
	for text, want := range map[string]string{
		"plain": "plain", "${A}${env:A}": "11", "x ${ A } y": "x 1 y", "${NESTED}": "${A}", "$A ${} ${A": "$A ${} ${A",
		"${B}": "error", "${BLANK}": "error", "${s3cret!}": "error", "${" + strings.Repeat("s3cret", 20) + "}": "error",
	} {
		got, err := header.Expand(text, func(name string) string { return variables[name] })
		if err != nil {
			got = "error"
		}
		if got != want || err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

// A value is shown only where it is a variable.
func TestOnlyAVariableIsShown(t *testing.T) {
	for line, want := range map[string]string{
		"X-Key: s3cret": "X-Key: VALUE", "X-Key: ${KEY}": "X-Key: ${KEY}", "Authorization: Bearer ${T}": "Authorization: Bearer ${T}",
		"X-Key: ${KEY}s3cret": "X-Key: VALUE", "Authorization: Bearer s3cret": "Authorization: VALUE",
	} {
		if got := header.Placeholder(line); got != want {
			t.Errorf("%q: %q", line, got)
		}
	}
}
