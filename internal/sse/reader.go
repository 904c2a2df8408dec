package sse

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strconv"
	"sync"
	"time"

	"mcp-login/internal/foreign"
)

// DefaultType is the type of an event that names none.
const DefaultType = "message"

const (
	// bufferSize is how much is read at a time.
	bufferSize = 32 << 10
	// maxField bounds event types, ids and retry values.
	maxField = 8 << 10
)

// Event is what stands between two blank lines.
type Event struct {
	// Type is the event field, DefaultType when there is none.
	Type string
	// Data is the data lines joined by LF. It belongs to the caller.
	Data []byte
	// HasData tells an empty data line from none: events without data are
	// never dispatched by a browser.
	HasData bool
	// LastID is the id in force after this event; it stays from event to
	// event.
	LastID string
	// Retry is the reconnection time, when HasRetry.
	Retry    time.Duration
	HasRetry bool
	// TooLarge says that the data passed the limit and was dropped.
	TooLarge bool
	// Taken is what took the data, nil when it is in Data. It is set also
	// beside an error that ended the stream in the middle of the event.
	Taken io.Writer
}

// Reader reads events. It is not safe for concurrent use.
type Reader struct {
	// SpillAt and Spill let somebody else take the data of a large event:
	// when it has come to more than SpillAt bytes, Spill is asked once for
	// who takes all of it, piece by piece, beginning with what there is; nil
	// leaves it in the event. The taker judges the size, and does not fail.
	SpillAt int
	Spill   func(e *Event) io.Writer

	r          io.Reader
	max        int64
	buf        []byte
	pooled     *[bufferSize]byte // the same, until the end
	start, end int
	err        error
	skipLF     bool // the last line ended with CR; an LF that follows belongs to it
	begun      bool
	lastID     string

	data foreign.Buffer // of the event that is being read
}

// NewReader returns a Reader that takes at most maxData bytes of data per
// event; zero or less means no limit.
func NewReader(r io.Reader, maxData int64) *Reader {
	if maxData <= 0 {
		maxData = math.MaxInt64
	}
	buf := buffers.Get().(*[bufferSize]byte)
	return &Reader{r: r, max: maxData, buf: buf[:], pooled: buf}
}

// buffers are those of streams that have ended: most have one short event each.
var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// release gives the buffer back, after the last byte.
func (r *Reader) release() {
	if r.pooled != nil {
		buffers.Put(r.pooled)
		r.buf, r.pooled, r.start, r.end = nil, nil, 0, 0
	}
}

// Next returns the next event, or the error of the underlying reader, io.EOF for
// a clean end. An event that no blank line has completed then is returned beside
// io.EOF. The standard drops it, because nobody knows whether more was to come:
// who takes it judges that by its data, and takes neither its id nor its retry.
func (r *Reader) Next() (Event, error) {
	e := Event{Type: DefaultType, LastID: r.lastID}
	r.data = foreign.Buffer{}
	fields := false
	for {
		piece, whole, err := r.piece()
		if err != nil {
			return r.unfinished(e, err)
		}
		if whole && len(piece) == 0 {
			if !fields {
				continue
			}
			e.Data = r.data.Take()
			return e, nil
		}
		known, err := r.field(&e, piece, whole)
		if err != nil {
			return r.unfinished(e, err)
		}
		fields = fields || known
	}
}

// unfinished is the event in the middle of which the stream ended.
func (r *Reader) unfinished(e Event, err error) (Event, error) {
	if !errors.Is(err, io.EOF) {
		return Event{Taken: e.Taken}, err
	}
	if r.data.Len() > 0 {
		e.Data = r.data.Take()
	}
	return e, err
}

// field takes one line, whose rest is read here when piece is not the whole.
func (r *Reader) field(e *Event, piece []byte, whole bool) (known bool, err error) {
	name, value, colon := bytes.Cut(piece, []byte(":"))
	if colon && len(value) > 0 && value[0] == ' ' {
		value = value[1:]
	}
	if string(name) == "data" && (colon || whole) {
		return true, r.dataLine(e, value, whole)
	}
	value = bytes.Clone(value) // the rest overwrites the buffer
	for !whole {
		if piece, whole, err = r.piece(); err != nil {
			return false, err
		}
		if len(value) <= maxField {
			value = append(value, piece...)
		}
	}
	if len(value) > maxField {
		return false, nil
	}
	return r.small(e, string(name), value), nil
}

func (r *Reader) small(e *Event, name string, value []byte) (known bool) {
	switch name {
	case "event":
		if e.Type = string(value); e.Type == "" {
			e.Type = DefaultType
		}
	case "id":
		if bytes.IndexByte(value, 0) >= 0 {
			return false
		}
		r.lastID = string(value)
		e.LastID = r.lastID
	case "retry":
		ms, err := strconv.ParseUint(string(value), 10, 31)
		if err != nil || value[0] == '+' {
			return false
		}
		e.Retry, e.HasRetry = time.Duration(ms)*time.Millisecond, true
	default:
		return false
	}
	return true
}

// lineFeed stands between two data lines.
var lineFeed = []byte("\n")

// dataLine appends one data line, piece by piece.
func (r *Reader) dataLine(e *Event, value []byte, whole bool) (err error) {
	if e.HasData {
		r.add(e, lineFeed)
	}
	e.HasData = true
	for {
		r.add(e, value)
		if whole {
			return nil
		}
		if value, whole, err = r.piece(); err != nil {
			return err
		}
	}
}

func (r *Reader) add(e *Event, b []byte) {
	if e.Taken != nil {
		_, _ = e.Taken.Write(b)
		return
	}
	if e.TooLarge || int64(r.data.Len())+int64(len(b)) > r.max {
		r.data, e.TooLarge = foreign.Buffer{}, true
		return
	}
	before := r.data.Len()
	_, _ = r.data.Write(b)
	if r.Spill != nil && before <= r.SpillAt && r.data.Len() > r.SpillAt {
		if e.Taken = r.Spill(e); e.Taken != nil {
			for _, part := range r.data.Parts() {
				_, _ = e.Taken.Write(part)
			}
			r.data = foreign.Buffer{}
		}
	}
}

// piece returns the next part of a line without its end: the whole line (or
// its rest), or, when the buffer is full before the line ends, what is in it.
// The end of the stream ends a line.
// The slice is valid until the next call.
func (r *Reader) piece() (p []byte, whole bool, err error) {
	scanned := 0
	for {
		if r.pooled == nil {
			return nil, false, r.err
		}
		if !r.begun && r.end-r.start >= 3 || r.err != nil {
			r.begin()
		}
		if r.skipLF && r.start < r.end {
			if r.buf[r.start] == '\n' {
				r.start++
			}
			r.skipLF = false
		}
		if r.begun {
			window := r.buf[r.start:r.end]
			if i := lineEnd(window[scanned:]); i >= 0 {
				i += scanned
				r.skipLF = window[i] == '\r'
				r.start += i + 1
				return window[:i], true, nil
			}
			if len(window) == len(r.buf) {
				r.start = r.end
				return window, false, nil
			}
			scanned = len(window)
		}
		if r.err != nil {
			if rest := r.buf[r.start:r.end]; len(rest) > 0 && errors.Is(r.err, io.EOF) { // a line without its end
				r.start = r.end
				return rest, true, nil
			}
			r.release()
			return nil, false, r.err
		}
		r.fill()
	}
}

// begin drops a byte order mark.
func (r *Reader) begin() {
	if !r.begun {
		r.begun = true
		if bytes.HasPrefix(r.buf[r.start:r.end], []byte("\xef\xbb\xbf")) {
			r.start += 3
		}
	}
}

// lineEnd finds the first LF or CR. It looks at a little first and at twice as
// much each time: a search for LF alone would pass over the whole buffer for each
// line that ends with CR.
func lineEnd(b []byte) int {
	for from, n := 0, 512; from < len(b); from, n = from+n, 2*n {
		part := b[from:min(from+n, len(b))]
		lf := bytes.IndexByte(part, '\n')
		if lf >= 0 {
			part = part[:lf]
		}
		if cr := bytes.IndexByte(part, '\r'); cr >= 0 {
			return from + cr
		}
		if lf >= 0 {
			return from + lf
		}
	}
	return -1
}

// fill reads once. What is left of the buffer moves to its front first.
func (r *Reader) fill() {
	if r.start > 0 {
		r.end = copy(r.buf, r.buf[r.start:r.end])
		r.start = 0
	}
	n, err := r.r.Read(r.buf[r.end:])
	r.end += n
	r.err = err
}
