package upstream

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mcp-login/internal/jsonrpc"
	"mcp-login/internal/sse"
)

// deliverInPieces writes a text to a large answer, part bytes at a time.
func deliverInPieces(text string, sink jsonrpc.Sink, piece, part int, from int64) (answered bool, err error) {
	l := streamingUpstream().newLargeAnswer(requestWithID("7"), sink, false, func(error) {})
	l.pieceSize, l.streamFrom = piece, from
	for chunk := range slices.Chunk([]byte(text), part) {
		_, _ = l.Write(chunk)
	}
	return l.finish()
}

// largeAnswers are answers to the request 7, and texts that are none.
var largeAnswers = []string{
	`{"jsonrpc":"2.0","id":7,"result":{"x":"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"}}`,
	`{"result":{"x":"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"},"jsonrpc":"2.0","id":7}`,
	"{\n  \"result\": {\r\n \"x\": [1,2,3,4,5,6,7,8,9]\n  },\n \"id\": 7.0\n}",
	`{"id":7,"result":{"x":"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"},"error":null}`,
	`{"id":8,"result":{"x":"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"}}`,
	`{"result":{"x":"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"},"id":8}`,
	`{"result":{"x":"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"},"id":7`,
	`{"result":{"x":"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"},"id":8,"id":7}`,
	`{"id":7,"result":{"x":"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"},"id":8}`,
	`{"id":7,"result":{"x":"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"},"ID":8}`,
	`{"id":7,"result":{"x":"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"},"re\u0073ult":{}}`,
	`{"id":7,"result":{"x":"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"},"method":"tools/list"}`,
	`{"id":7,"result":{"x":"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"},"jsonrpc":"2.0","jsonrpc":"2.0"}`,
	`{"id":7,"result":{"x":"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"}}{"id":7,"result":{}}`,
	`{"id":7,"result":{"x":"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"}} ` + "\n" + `true`,
	`{"id":7,"result":{"x":"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"}}  ` + "\r\n\t",
	`{"id":7,"error":{"code":1,"message":"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"}}`,
	`{"method":"m","params":{"x":"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"}}`,
	`[{"id":7,"result":{"x":"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"}},{"method":"m"}]`,
	`{"result":"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy","id":7,"method":"m"}`,
	`yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy`,
	``,
}

// sameAsWhole checks that a sink gets the same from an answer in pieces as from one that is
// delivered whole. For a text that turns out to be no answer after a part was passed on, it
// gets a text that no reader takes for a message, and an error.
func sameAsWhole(t *testing.T, text string, piece, part int, from int64) {
	t.Helper()
	whole, p := &recorder{}, &recorder{}
	answered, wholeErr := streamingUpstream().deliver([]byte(text), requestWithID("7"), whole)
	passed, err := deliverInPieces(text, p, piece, part, from)
	where := fmt.Sprintf("%q in %d, %d, from %d", text, piece, part, from)
	switch {
	case p.began > 1 || len(p.ends) != p.began:
		t.Fatalf("%s: %d begun, %d ended", where, p.began, len(p.ends))
	case p.began == 1 && p.ends[0] == nil:
		if !answered || wholeErr != nil || len(p.lines) > 0 || squeezed([]string{p.text.String()}) != squeezed(whole.lines) {
			t.Fatalf("%s: taken for an answer: %q, %q", where, p.text.String(), p.lines)
		}
	case p.began == 1:
		if !passed || answered || json.Valid(p.text.Bytes()) || len(p.lines) > 0 {
			t.Fatalf("%s: %v, but %q was passed on, %q", where, p.ends[0], p.text.String(), p.lines)
		}
	case passed != answered || (err == nil) != (wholeErr == nil) || squeezed(p.lines) != squeezed(whole.lines):
		t.Fatalf("%s: got %q %v %v, want %q %v %v", where, p.lines, passed, err, whole.lines, answered, wholeErr)
	}
}

// squeezed leaves out the white space around a message, which means nothing.
func squeezed(lines []string) string {
	var all []string
	for _, line := range lines {
		all = append(all, strings.Trim(line, " \t"))
	}
	return strings.Join(all, "\n")
}

// An answer in pieces is the same as one in one piece, wherever it is cut
// and from whenever it is passed on.
func TestLargeAnswerIsTheSameInPieces(t *testing.T) {
	for _, text := range largeAnswers {
		for _, piece := range []int{1, 7, 16, 1000} {
			for _, part := range []int{1, 5, 64} {
				for _, from := range []int64{1, 20, 40, 1 << 40} {
					sameAsWhole(t, text, piece, part, from)
				}
			}
		}
	}
}

func FuzzLargeAnswerIsTheSameInPieces(f *testing.F) {
	for _, text := range largeAnswers {
		f.Add(text, uint8(7), uint8(5), uint8(20))
	}
	f.Fuzz(func(t *testing.T, text string, piece, part, from uint8) {
		sameAsWhole(t, text, int(piece)+1, int(part)+2, int64(from))
	})
}

// A large answer over real sockets, in each form: what the client gets is one
// answer, whole; and what breaks off in the middle is one error.
func TestLargeAnswerArrivesWholeOrAsAnError(t *testing.T) {
	const size = 8 << 20
	body := strings.Repeat("y", size)
	answer := `{"jsonrpc":"2.0","id":7,"result":{"x":"` + body + `"}}`
	for name, c := range map[string]struct {
		kind, head, tail string
		cut              int // after so many bytes, and the connection with it
		short            int // bytes that are missing at the end
		known            bool
		early            bool // passed on before it was complete
		fails            bool
	}{
		"JSON":                  {kind: typeJSON, early: true},
		"JSON of known size":    {kind: typeJSON, early: true, known: true},
		"event stream":          {kind: typeSSE, head: "event: message\ndata: ", tail: "\n\n", early: true},
		"resumable":             {kind: typeSSE, head: "id: 1\ndata: ", tail: "\n\n"},
		"other events before":   {kind: typeSSE, head: "data: {\"jsonrpc\":\"2.0\",\"method\":\"n\"}\n\ndata: ", tail: "\n\n", early: true},
		"JSON, cut":             {kind: typeJSON, cut: 6 << 20, early: true, fails: true},
		"JSON, cut early":       {kind: typeJSON, cut: 2 << 20, fails: true},
		"event stream, cut":     {kind: typeSSE, head: "data: ", cut: 6 << 20, early: true, fails: true},
		"event without its end": {kind: typeSSE, head: "data: ", early: true},
		"resumable without end": {kind: typeSSE, head: "id: 1\ndata: "},
		"event cut, clean end":  {kind: typeSSE, head: "data: ", short: 1, early: true, fails: true},
		"whole event, cut line": {kind: typeSSE, head: "data: ", cut: len("data: ") + len(answer), early: true, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			u := overHTTP(t, StreamableHTTP, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				text := c.head + answer[:len(answer)-c.short] + c.tail
				if r.Method != http.MethodPost {
					w.WriteHeader(http.StatusMethodNotAllowed)
					return
				}
				w.Header().Set("Content-Type", c.kind)
				if c.known {
					w.Header().Set("Content-Length", fmt.Sprint(len(text)))
				}
				if c.cut > 0 {
					_, _ = io.WriteString(w, text[:c.cut])
					w.(http.Flusher).Flush()
					panic(http.ErrAbortHandler)
				}
				_, _ = io.WriteString(w, text)
			}))
			u.cfg.MaxMessage, u.cfg.StreamWithin = 0, time.Hour
			p := &recorder{}
			err := u.Send(t.Context(), requestWithID("7"), p)
			delivered := strings.Count(strings.Join(p.lines, "\n"), `"id":7`)
			if len(p.ends) == 1 && err == nil {
				err = p.ends[0]
			}
			switch {
			case delivered != 0 || len(p.ends) > 1 || len(p.ends) != p.began:
				t.Errorf("%d delivered, %d begun, %d ended", delivered, p.began, len(p.ends))
			case c.fails && err == nil, !c.fails && err != nil:
				t.Error(err)
			case !c.fails && p.text.String() != answer:
				t.Errorf("%d bytes of %d", p.text.Len(), len(answer))
			case c.fails && !c.early && p.began > 0:
				t.Error("passed on, and then broke off")
			}
			if c.fails && (reasonOf(err) != Interrupted) {
				t.Error(err)
			}
		})
	}
}

// A sink that wants no pieces gets the answer whole.
func TestSinkWithoutPiecesGetsLargeAnswerWhole(t *testing.T) {
	for _, from := range []int64{1, 1 << 40} {
		p := &recorder{wantsWhole: true}
		if answered, err := deliverInPieces(largeAnswers[0], p, 7, 5, from); !answered || err != nil || len(p.lines) != 1 || p.lines[0] != largeAnswers[0] {
			t.Error(answered, err, p.lines)
		}
	}
}

// slowRecorder is a client that takes its time.
type slowRecorder struct{ recorder }

func (p *slowRecorder) Pieces() jsonrpc.Pieces { return p }

func (p *slowRecorder) Write([]byte) (int, error) {
	time.Sleep(10 * stallTimeout)
	return 0, nil
}

// While a large answer is passed on the client hears nothing else: one that stands
// still is cut, but not for the time that the client takes.
func TestStalledLargeAnswerIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cut := make(chan error, 1)
		l := streamingUpstream().newLargeAnswer(requestWithID("7"), &slowRecorder{}, false, func(cause error) { cut <- cause })
		l.pieceSize, l.streamFrom = 16, 40
		for chunk := range slices.Chunk([]byte(largeAnswers[0]), 8) {
			_, _ = l.Write(chunk)
		}
		if l.out == nil || len(cut) > 0 {
			t.Errorf("passed on: %v, and cut for the client: %v", l.out != nil, len(cut) > 0)
		}
		if cause := <-cut; !errors.Is(cause, errIdle) {
			t.Errorf("cut by %v", cause)
		}
	})
}

// A large event whose type stands behind its data is as little a message as a small one.
func TestEventTypeBehindLargeDataCounts(t *testing.T) {
	for _, spillAt := range []int{1, 1 << 20} {
		u, p := streamingUpstream(), &recorder{}
		events := sse.NewReader(strings.NewReader("data: "+largeAnswers[0]+"\nevent: other\n\n"), 0)
		events.SpillAt, events.Spill = spillAt, func(*sse.Event) io.Writer {
			return u.newLargeAnswer(requestWithID("7"), p, false, func(error) {})
		}
		answered, err := u.readStream(events, requestWithID("7"), p, &cursor{})
		if answered || err != nil || p.began > 0 || len(p.lines) > 0 {
			t.Errorf("from %d bytes: %v, %v, %q", spillAt, answered, err, p.lines)
		}
	}
}
