package server

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"mcp-login/bearer"
)

const (
	// maxBodyBytes is the largest message accepted, 4 MiB.
	maxBodyBytes = 4 << 20
	// leastBody is counted even for an empty message: its connection and its request
	// take about as much.
	leastBody = 8 << 10
	// maxValues is how many values a message may have, and decodedValue what one
	// of them takes once it is decoded, which mcp-go does more than once: a
	// message of 4 MiB that is nothing but empty objects took 250 MiB. The
	// largest message takes largestMessage then.
	maxValues      = 1 << 16
	decodedValue   = 192
	largestMessage = maxBodyBytes + maxValues*decodedValue
	// firstRoom is the size of the buffer before anything was read.
	firstRoom = 4 << 10
	// bodyTimeout is how long a client may take to send its message, and
	// bodyPause how long for each bodyStep bytes of it, and for the rest: a
	// message that is held back takes room from others.
	bodyTimeout = 30 * time.Second
	bodyPause   = 10 * time.Second
	bodyStep    = 32 << 10
)

// limitTimes bounds the time that the sender of r may take to read the answer, and
// for its body, whether somebody reads that or not: net/http reads what the
// handler left over before it answers, and would wait for ever. Its own timeouts
// would end long streams as well. Not every ResponseWriter can set a deadline;
// then there is none.
func limitTimes(w http.ResponseWriter, r *http.Request) {
	now, conn := time.Now(), http.NewResponseController(w)
	_ = conn.SetWriteDeadline(now.Add(answerTimeout))
	if r.ContentLength != 0 {
		_ = conn.SetReadDeadline(now.Add(bodyTimeout))
	}
}

// incoming is a message that was read whole and may be answered. What it holds
// is released by whoever answers it.
type incoming struct {
	bearer.Message
	body []byte
	*reservation
}

// receive reads a message of a verified caller, takes a slot for it, and asks
// whether its sender may send it, or answers itself and returns false. mcp-go reads
// without limit, which is why the reading is done here; it gets the body that was
// read. The slot is taken when all of it is there: a body that is held back must not
// keep others from being answered. Whether the sender may send it must be decided
// before mcp-go sees the message: a client asks for more scopes because of a 403, not
// because of a JSON-RPC error.
func (s *front) receive(w http.ResponseWriter, r *http.Request, id bearer.Identity) (in incoming, ok bool) {
	in.reservation = &reservation{limits: s.limits, owner: ownerOf(id)}
	defer func() {
		if !ok {
			in.release()
		}
	}()
	var err error
	if in.body, err = readBody(w, r, in.reserveBytes); err != nil {
		s.refuseBody(w, r, err)
		return in, false
	}
	if !s.reserveCall(w, in.reservation) {
		return in, false
	}
	if err := reserveValues(in.body, in.reserveBytes); err != nil {
		s.refuseBody(w, r, err)
		return in, false
	}
	if in.Message, err = bearer.ReadMessage(r.Header, in.body); err == nil {
		err = s.resource.MayCall(id, in.Tool)
	}
	if err != nil {
		refuse(w, r, err)
		return in, false
	}
	r.Body = io.NopCloser(bytes.NewReader(in.body))
	r.ContentLength = int64(len(in.body))
	return in, true
}

// endpoint is protected for what is judged before a [backend] answers it: of a request
// with a message receive does that, of another one there is the header only.
func (s *front) endpoint(resource *bearer.Resource, serve func(http.ResponseWriter, *http.Request, bearer.Identity)) http.HandlerFunc {
	return s.protected(resource, func(w http.ResponseWriter, r *http.Request, id bearer.Identity) {
		if r.Method != http.MethodPost {
			if err := bearer.CheckHeader(r.Header); err != nil {
				refuse(w, r, err)
				return
			}
		}
		serve(w, r, id)
	})
}

// reserveCall takes a slot for a request, which begins to be answered now, or
// answers itself and returns false.
func (s *front) reserveCall(w http.ResponseWriter, h *reservation) bool {
	switch err := h.reserveCall(); {
	case errors.Is(err, errOwnerHasTooMuch):
		s.refuseMore(w, limitCalls, 1, "too_many_requests", "Too many requests of this user are being answered.")
		return false
	case err != nil:
		s.metrics.limited.WithLabelValues(limitConcurrency).Inc()
		retryLater(w, "The server is busy.")
		return false
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTimeout))
	return true
}

// Why a body was not read to its end, beside the connection's own errors and those
// of a quota.
var (
	errBodyTooLarge = errors.New("body too large")
	errBodyTooSlow  = errors.New("body too slow")
	errManyValues   = errors.New("too many values in one message")
)

// reserveValues takes room for what the values of a message are decoded to.
func reserveValues(body []byte, hold func(int) error) error {
	n := countValues(body)
	switch {
	case n <= maxValues:
	case jsontext.Value(body).IsValid(jsontext.AllowDuplicateNames(true)):
		return errManyValues
	default:
		return nil // no JSON: whoever reads it finds out soon
	}
	return hold(n * decodedValue)
}

// countValues returns how many values and members a JSON text has, about. Of a
// text that is no JSON it counts what a decoder reads before it finds out.
func countValues(text []byte) (n int) {
	inString := false
	for k := 0; k < len(text); k++ {
		switch c := text[k]; {
		case c == '"':
			inString = !inString
		case inString && c == '\\':
			k++
		case !inString && (c == ',' || c == ':' || c == '[' || c == '{'):
			n++
		}
	}
	return n
}

// readBody reads the body of r. Room is made, and held, as bytes come in: the
// length that a sender announces is a bound and no promise.
func readBody(w http.ResponseWriter, r *http.Request, hold func(int) error) ([]byte, error) {
	limit := maxBodyBytes
	if r.ContentLength > maxBodyBytes {
		return nil, errBodyTooLarge
	} else if r.ContentLength >= 0 {
		limit = int(r.ContentLength)
	}
	if err := hold(leastBody); err != nil {
		return nil, err
	}
	deadline := newBodyDeadline(w)
	body, size := []byte(nil), min(limit, firstRoom)
	for {
		// One byte more shows whether the body ends there.
		body = append(make([]byte, 0, size+1), body...)
		for len(body) <= size {
			n, err := r.Body.Read(body[len(body):cap(body)])
			body = body[:len(body)+n]
			switch {
			case len(body) > limit:
				return nil, errBodyTooLarge
			case errors.Is(err, io.EOF):
				deadline.end()
				return body, nil
			case err != nil:
				return nil, deadline.reasonOf(err)
			}
			deadline.received(n)
		}
		larger := min(limit, 2*size)
		if err := hold(max(larger, leastBody) - max(size, leastBody)); err != nil {
			return nil, err
		}
		size = larger
	}
}

// bodyDeadline moves the read deadline of a connection while a body comes in.
type bodyDeadline struct {
	conn *http.ResponseController
	last time.Time // no deadline is later
	step int       // bytes that came since the deadline was set
}

func newBodyDeadline(w http.ResponseWriter) *bodyDeadline {
	now := time.Now()
	d := &bodyDeadline{conn: http.NewResponseController(w), last: now.Add(bodyTimeout)}
	d.extend(now)
	return d
}

// extend gives the sender time for the next bytes. Not every ResponseWriter can
// set a deadline; then there is none.
func (d *bodyDeadline) extend(now time.Time) {
	next := now.Add(bodyPause)
	if next.After(d.last) {
		next = d.last
	}
	_ = d.conn.SetReadDeadline(next)
	d.step = 0
}

func (d *bodyDeadline) received(n int) {
	if d.step += n; d.step >= bodyStep {
		d.extend(time.Now())
	}
}

// end takes the deadline away: a stream may follow, and the next request.
func (d *bodyDeadline) end() { _ = d.conn.SetReadDeadline(time.Time{}) }

func (d *bodyDeadline) reasonOf(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return errBodyTooSlow
	}
	return err
}

// refuseBody answers a request whose body was not read to its end. What is left
// of it is not waited for.
func (s *front) refuseBody(w http.ResponseWriter, r *http.Request, err error) {
	recordReason(r.Context(), err)
	if r.ProtoMajor == 1 { // one of HTTP/2 may carry others' requests, and goes on
		w.Header().Set("Connection", "close")
	}
	switch {
	case errors.Is(err, errBodyTooLarge):
		problem{http.StatusRequestEntityTooLarge, "invalid_request", "The message is larger than 4 MiB."}.write(w)
	case errors.Is(err, errManyValues):
		problem{http.StatusRequestEntityTooLarge, "invalid_request", "The message has more than 65536 values."}.write(w)
	case errors.Is(err, errOwnerHasTooMuch):
		s.refuseMore(w, limitBodies, 1, "too_many_requests", "Too many bytes of this user are under way.")
	case errors.Is(err, errAllHaveTooMuch):
		s.metrics.limited.WithLabelValues(limitBodies).Inc()
		retryLater(w, "The server is busy.")
	case errors.Is(err, errBodyTooSlow):
		problem{http.StatusRequestTimeout, "invalid_request", "The message came too slowly."}.write(w)
	default:
		problem{http.StatusBadRequest, "invalid_request", "The message could not be read."}.write(w)
	}
}
