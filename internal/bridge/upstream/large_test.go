package upstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"mcp-login/internal/jsonrpc"
)

// paper is an outlet that writes down what it is told.
type paper struct {
	refuse bool
	began  int
	text   bytes.Buffer
	ends   []error
}

func (p *paper) Ready(context.Context) func() { return func() {} }

func (p *paper) Begin() (io.Writer, bool) {
	p.began++
	return &p.text, !p.refuse
}

func (p *paper) End(err error) { p.ends = append(p.ends, err) }

func asking(id string, out jsonrpc.Outlet) jsonrpc.Message {
	m, err := jsonrpc.Parse([]byte(`{"jsonrpc":"2.0","id":` + id + `,"method":"tools/call","params":{"name":"t"}}`))
	if err != nil {
		panic(err)
	}
	m.Out = out
	return m
}

// anUpstream passes on whatever is large enough.
var anUpstream = &Upstream{cfg: Config{StreamWithin: time.Hour}}

// inPieces gives a text to a large answer and returns what came of it: what the
// outlet or the client got, and how it ended.
func inPieces(t testing.TB, text, id string, piece, part int, from int64) (got []string, answered bool, err error) {
	t.Helper()
	p := &paper{}
	l := anUpstream.newLarge(asking(id, p), func(m jsonrpc.Message) { got = append(got, string(m.Raw)) }, false)
	l.piece, l.from = piece, from
	if _, err := io.CopyBuffer(struct{ io.Writer }{l}, iotest.OneByteReader(strings.NewReader(text)), make([]byte, part)); part == 1 && err != nil {
		t.Fatal(err)
	} else if part > 1 {
		p.text.Reset()
		p.ends, p.began = nil, 0
		got = nil
		l = anUpstream.newLarge(asking(id, p), func(m jsonrpc.Message) { got = append(got, string(m.Raw)) }, false)
		l.piece, l.from = piece, from
		for chunk := range slices.Chunk([]byte(text), part) {
			_, _ = l.Write(chunk)
		}
	}
	answered, err = l.finish()
	if p.began > 1 || len(p.ends) != min(p.began, 1) {
		t.Fatalf("%d begun, %d ended", p.began, len(p.ends))
	}
	if p.began == 1 {
		got = append(got, p.text.String())
		err = p.ends[0]
	}
	return got, answered, err
}

// largeTexts are answers and what is none, to the request 7.
var largeTexts = []string{
	`{"jsonrpc":"2.0","id":7,"result":{"x":"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"}}`,
	`{"result":{"x":"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"},"jsonrpc":"2.0","id":7}`,
	"{\n  \"result\": {\r\n \"x\": [1,2,3,4,5,6,7,8,9]\n  },\n \"id\": 7.0\n}",
	`{"id":8,"result":{"x":"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"}}`,
	`{"result":{"x":"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"},"id":8}`,
	`{"result":{"x":"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"},"id":7`,
	`{"result":{"x":"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"},"id":8,"id":7}`,
	`{"id":7,"error":{"code":1,"message":"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"}}`,
	`{"method":"m","params":{"x":"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"}}`,
	`[{"id":7,"result":{"x":"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"}},{"method":"m"}]`,
	`{"result":"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy","id":7,"method":"m"}`,
	`yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy`,
	``,
}

// sameAsWhole holds an answer in pieces against the same one in one piece. With
// streamed false nothing is passed on before the end, and both must be equal.
// Else what is no answer to the request is an error behind what was passed on.
func sameAsWhole(t *testing.T, text string, piece, part int, from int64) {
	t.Helper()
	var whole []string
	m := asking("7", nil)
	answered, wholeErr := deliverAll([]byte(text), m, func(m jsonrpc.Message) { whole = append(whole, string(m.Raw)) })
	got, passed, err := inPieces(t, text, "7", piece, part, from)
	if answered && wholeErr == nil {
		// An answer with an error, or one in a batch, is never passed on early.
		if !passed || err != nil || len(got) != len(whole) || squeezed(got) != squeezed(whole) {
			t.Fatalf("%q in %d, %d, from %d: got %q %v %v, want %q", text, piece, part, from, got, passed, err, whole)
		}
		return
	}
	if passed && err == nil {
		t.Fatalf("%q in %d, %d, from %d: taken for an answer: %q", text, piece, part, from, got)
	}
	if !passed && squeezed(got) != squeezed(whole) {
		t.Fatalf("%q: got %q, want %q", text, got, whole)
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

// P5: an answer in pieces is the same as one in one piece, wherever it is cut
// and from whenever it is passed on.
func TestLargeIsTheSame(t *testing.T) {
	for _, text := range largeTexts {
		for _, piece := range []int{1, 7, 16, 1000} {
			for _, part := range []int{1, 5, 64} {
				for _, from := range []int64{1, 20, 40, 1 << 40} {
					sameAsWhole(t, text, piece, part, from)
				}
			}
		}
	}
}

func FuzzLarge(f *testing.F) {
	for _, text := range largeTexts {
		f.Add(text, uint8(7), uint8(5), uint8(20))
	}
	f.Fuzz(func(t *testing.T, text string, piece, part, from uint8) {
		sameAsWhole(t, text, int(piece)+1, int(part)+2, int64(from))
	})
}

// A large answer over real sockets, in each form: what the client gets is one
// answer, whole; and what breaks off in the middle is one error.
func TestLargeAnswers(t *testing.T) {
	const size = 8 << 20
	body := strings.Repeat("y", size)
	answer := `{"result":{"x":"` + body + `"},"jsonrpc":"2.0","id":7}`
	for name, c := range map[string]struct {
		kind, head, tail string
		cut              int
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
		"event without its end": {kind: typeSSE, head: "data: ", early: true, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			u := connect(t, StreamableHTTP, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				text := c.head + answer + c.tail
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
			p := &paper{}
			var delivered int
			err := u.Send(t.Context(), asking("7", p), func(m jsonrpc.Message) {
				if m.Kind == jsonrpc.Response {
					delivered++
				}
			})
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
			var told *Error
			if c.fails && (!errors.As(err, &told) || told.Reason != Interrupted) {
				t.Error(err)
			}
		})
	}
}

// What nobody waits for any more is read to its end and goes nowhere.
func TestLargeUnwanted(t *testing.T) {
	for _, from := range []int64{1, 1 << 40} {
		p := &paper{refuse: true}
		l := anUpstream.newLarge(asking("7", p), nil, false)
		l.from = from
		_, _ = io.WriteString(l, largeTexts[0])
		if answered, err := l.finish(); !answered || err != nil || p.text.Len() > 0 || len(p.ends) > 0 {
			t.Error(answered, err, p.text.Len(), p.ends)
		}
	}
}
