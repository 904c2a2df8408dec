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

// Event is one event: the fields between two blank lines.
type Event struct {
	// Type is the event field, DefaultType when there is none.
	Type string
	// Data is the data lines joined by LF. It belongs to the caller.
	Data []byte
	// HasData tells an empty data line from none. A browser drops events without
	// data.
	HasData bool
	// LastID is the id in force after this event: its own, or that of an earlier
	// one.
	LastID string
	// Retry is the reconnection time, when HasRetry.
	Retry    time.Duration
	HasRetry bool
	// TooLarge says that the data passed the limit and was dropped.
	TooLarge bool
	// SpilledTo is the writer that has the data, nil when it is in Data. It is also set
	// beside the error of a stream that ended in the middle of the event.
	SpilledTo io.Writer
}

// Reader reads events. It is not safe for concurrent use.
type Reader struct {
	// SpillAt and Spill give the data of a large event to a writer: when more than
	// SpillAt bytes of it have come, Spill is called once, and all of the data is
	// written to what it returns; nil leaves the data in the event. The limit of the
	// Reader does not hold then, and errors of the writer are ignored.
	SpillAt int
	Spill   func(e *Event) io.Writer

	r        io.Reader
	max      int64
	buf      []byte
	pooled   *[bufferSize]byte // buf, nil after the end
	from, to int
	err      error
	skipLF   bool // the last line ended with CR; an LF after it belongs to it
	started  bool
	lastID   string

	data foreign.Buffer // of the event that is being read
}

// NewReader returns a Reader that accepts at most maxData bytes of data for each event; zero
// or less means no limit.
func NewReader(r io.Reader, maxData int64) *Reader {
	if maxData <= 0 {
		maxData = math.MaxInt64
	}
	buf := buffers.Get().(*[bufferSize]byte)
	return &Reader{r: r, max: maxData, buf: buf[:], pooled: buf}
}

// buffers are reused from one stream to the next: most streams have one short event.
var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// release gives the buffer back, after the last byte.
func (r *Reader) release() {
	if r.pooled != nil {
		buffers.Put(r.pooled)
		r.buf, r.pooled, r.from, r.to = nil, nil, 0, 0
	}
}

// Next returns the next event, or the error of the underlying reader, io.EOF for a clean end.
// An event that no blank line has completed then is returned beside io.EOF. The standard
// drops such an event, because more of it may be missing: the caller has to judge that by
// the data, and must not use its id and retry.
func (r *Reader) Next() (Event, error) {
	e := Event{Type: DefaultType, LastID: r.lastID}
	r.data = foreign.Buffer{}
	fields := false
	for {
		part, whole, err := r.linePart()
		if err != nil {
			return r.incomplete(e, err)
		}
		if whole && len(part) == 0 {
			if !fields {
				continue
			}
			e.Data = r.data.Take()
			return e, nil
		}
		known, err := r.field(&e, part, whole)
		if err != nil {
			return r.incomplete(e, err)
		}
		fields = fields || known
	}
}

// incomplete returns the event in the middle of which the stream ended.
func (r *Reader) incomplete(e Event, err error) (Event, error) {
	if !errors.Is(err, io.EOF) {
		return Event{SpilledTo: e.SpilledTo}, err
	}
	if r.data.Len() > 0 {
		e.Data = r.data.Take()
	}
	return e, err
}

// field takes one line. part is its beginning, or all of it; the rest is read here.
func (r *Reader) field(e *Event, part []byte, whole bool) (known bool, err error) {
	name, value, colon := bytes.Cut(part, []byte(":"))
	if colon && len(value) > 0 && value[0] == ' ' {
		value = value[1:]
	}
	if string(name) == "data" && (colon || whole) {
		return true, r.dataLine(e, value, whole)
	}
	value = bytes.Clone(value) // the rest overwrites the buffer
	for !whole {
		if part, whole, err = r.linePart(); err != nil {
			return false, err
		}
		if len(value) <= maxField {
			value = append(value, part...)
		}
	}
	if len(value) > maxField {
		return false, nil
	}
	return r.setField(e, string(name), value), nil
}

// setField sets a field other than data. known reports whether the standard knows it.
func (r *Reader) setField(e *Event, name string, value []byte) (known bool) {
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

// dataLine appends one data line, of which value is the beginning or all.
func (r *Reader) dataLine(e *Event, value []byte, whole bool) (err error) {
	if e.HasData {
		r.appendData(e, lineFeed)
	}
	e.HasData = true
	for {
		r.appendData(e, value)
		if whole {
			return nil
		}
		if value, whole, err = r.linePart(); err != nil {
			return err
		}
	}
}

// appendData adds to the data of the event, within the limit, or writes to what it is
// spilled to.
func (r *Reader) appendData(e *Event, b []byte) {
	if e.SpilledTo != nil {
		_, _ = e.SpilledTo.Write(b)
		return
	}
	if e.TooLarge || int64(r.data.Len())+int64(len(b)) > r.max {
		r.data, e.TooLarge = foreign.Buffer{}, true
		return
	}
	before := r.data.Len()
	_, _ = r.data.Write(b)
	if r.Spill != nil && before <= r.SpillAt && r.data.Len() > r.SpillAt {
		if e.SpilledTo = r.Spill(e); e.SpilledTo != nil {
			for _, part := range r.data.Parts() {
				_, _ = e.SpilledTo.Write(part)
			}
			r.data = foreign.Buffer{}
		}
	}
}

// linePart returns the next part of a line, without the line end. whole says that the line
// ends with it; else the line is longer than the buffer. The end of the stream ends a line.
// The slice is valid until the next call.
func (r *Reader) linePart() (part []byte, whole bool, err error) {
	scanned := 0
	for {
		if r.pooled == nil {
			return nil, false, r.err
		}
		if !r.started && r.to-r.from >= 3 || r.err != nil {
			r.skipByteOrderMark()
		}
		if r.skipLF && r.from < r.to {
			if r.buf[r.from] == '\n' {
				r.from++
			}
			r.skipLF = false
		}
		if r.started {
			window := r.buf[r.from:r.to]
			if i := lineEnd(window[scanned:]); i >= 0 {
				i += scanned
				r.skipLF = window[i] == '\r'
				r.from += i + 1
				return window[:i], true, nil
			}
			if len(window) == len(r.buf) {
				r.from = r.to
				return window, false, nil
			}
			scanned = len(window)
		}
		if r.err != nil {
			if rest := r.buf[r.from:r.to]; len(rest) > 0 && errors.Is(r.err, io.EOF) { // a line without its end
				r.from = r.to
				return rest, true, nil
			}
			r.release()
			return nil, false, r.err
		}
		r.fill()
	}
}

// skipByteOrderMark skips one at the beginning of the stream.
func (r *Reader) skipByteOrderMark() {
	if !r.started {
		r.started = true
		if bytes.HasPrefix(r.buf[r.from:r.to], []byte("\xef\xbb\xbf")) {
			r.from += 3
		}
	}
}

// lineEnd returns the index of the first LF or CR, -1 for none. It searches in a small part
// first, and in one of twice the size each time: a search for LF alone would go through the
// whole buffer for each line that ends with CR.
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

// fill reads once, after moving what is left to the front of the buffer.
func (r *Reader) fill() {
	if r.from > 0 {
		r.to = copy(r.buf, r.buf[r.from:r.to])
		r.from = 0
	}
	n, err := r.r.Read(r.buf[r.to:])
	r.to += n
	r.err = err
}
