package gateway

import (
	"bufio"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
)

// Events of HTTP+SSE come as the upstream has written them, however long their lines are; only
// a line that begins with it names an endpoint, and not what a piece of a long line begins
// with.
func TestLinesOfAnyLengthAreWhole(t *testing.T) {
	const name, field = "data: ", "event: endpoint"
	for _, n := range []int{1, small - len(name), small, small + 1, lineBuffer - len(name) - 1, lineBuffer - len(name), lineBuffer, 2*lineBuffer - len(name), large, large + small + 1} {
		text := strings.Repeat("data: {}\n\n", 3) + name + strings.Repeat("x", n) + field + "\n\n" + "data: {}\n\n"
		body := &eventLines{r: bufio.NewReaderSize(strings.NewReader(text), lineBuffer), Closer: io.NopCloser(nil)}
		w := httptest.NewRecorder()
		if err := (&Relay{Heartbeat: 1 << 62}).Write(w, answerOf(typeEvents, body)); err != nil || w.Body.String() != text {
			t.Errorf("a line with %d bytes: %d bytes of %d, %v", n, w.Body.Len(), len(text), err)
		}
	}
}
