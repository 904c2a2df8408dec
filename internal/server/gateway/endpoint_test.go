package gateway

import (
	"bufio"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
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

// Whatever its spelling, and wherever its bytes are divided, a message is known as the answer
// to a request or as none.
func FuzzAnswerScan(f *testing.F) {
	for _, text := range []string{
		`{"jsonrpc":"2.0","id":1,"result":{}}`, `{"result":{"id":2,"x":"\"id\":3"},"id":"\u0061\\\"}"}`, `{"id":1.0e0,"error":{}}`,
		`{"id":5,"method":"ping"}`, `{"method":"x"}`, "{ \"id\" :\n7 , \"result\":[[],{}] }", `{"id":null,"error":{}}`, `{"\u0069d":4,"result":1}`, `[]`, `"id"`, `{"id":{"id":1}}`,
	} {
		f.Add(text, 3)
	}
	f.Fuzz(func(t *testing.T, text string, at int) {
		if !jsontext.Value(text).IsValid() || len(text) > 4<<10 {
			return
		}
		want := RequestID([]byte(text), "")
		if strings.Contains(text, `\u`) && memberOf([]byte(text), "id") != nil && !strings.Contains(text, `"id"`) {
			return // nobody writes a name of the protocol so
		}
		if memberOf([]byte(text), "method") != nil || len(want) > longestID {
			want = ""
		}
		var s answerScan
		k := max(0, min(at, len(text)))
		s.read([]byte(text[:k]))
		s.read([]byte(text[k:]))
		if got := s.end(); got != want && len(got) <= longestID {
			t.Errorf("%q divided at %d: %q, want %q", text, k, got, want)
		}
		if s.depth != 0 || s.text || s.value || s.asks || len(s.name)+len(s.id) != 0 {
			t.Errorf("something of %q is left", text)
		}
	})
}
