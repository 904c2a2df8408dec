package script

import (
	"strings"
	"testing"
)

// A server that refuses each token it gets is a matter between it and its provider:
// stderr says that in the words of the answer, and never that nobody is asked.
func TestRefusedTokenIsSaidAlike(t *testing.T) {
	for _, args := range [][]string{nil, {"--no-detach"}} {
		h := newHostile(t)
		h.refuse = func(int) (int, string) { return 401, `, error="invalid_token", error_description="wrong audience"` }
		for range 2 {
			c := h.bridge(args...)
			answer := c.tool(1)
			c.end()
			const words = "invalid_token: the server refused a token that was issued for it a moment ago: wrong audience"
			if !strings.Contains(answer, words) || strings.Contains(answer, "so soon") {
				t.Errorf("%v: %s", args, answer)
			}
			for line := range strings.Lines(c.log.String()) {
				if strings.Contains(line, "error: ") && !strings.Contains(line, words) {
					t.Errorf("%v: stderr: %s", args, line)
				}
			}
		}
	}
}
