package foreign

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Errors of [ReadBody], [ReadFile] and [ReadGiven].
var (
	// ErrTooLarge is something with more bytes than were asked for.
	ErrTooLarge = errors.New("it is too large")
	// ErrTooSlow is something that had not ended when the time was over.
	ErrTooSlow = errors.New("it takes too long to end")
)

// AnswerTime is what the body of an answer gets that somebody waits for: a
// provider's metadata, tokens, keys. It begins when the header is there.
const AnswerTime = 30 * time.Second

// What is read of an answer that nobody wants, in bytes and in time. To use the
// connection again saves less than a second, so more is not spent on it.
const (
	maxDiscard  = 64 << 10
	discardTime = time.Second
)

// ReadBody reads the body of resp to its end, but no more than limit bytes and
// no longer than within, however slowly they come, and closes it. With an error
// it returns what was there until then: at most limit bytes with ErrTooLarge,
// anything with ErrTooSlow and with errors of the connection.
func ReadBody(resp *http.Response, limit int64, within time.Duration) ([]byte, error) {
	defer func() { _ = resp.Body.Close() }()
	over := shutAfter(resp.Body, within)
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	switch late := over(); {
	case late && err != nil:
		return body[:min(int64(len(body)), limit)], fmt.Errorf("%w (%v)", ErrTooSlow, within)
	case int64(len(body)) > limit:
		return body[:limit], fmt.Errorf("%w (more than %d bytes)", ErrTooLarge, limit)
	}
	return body, HTTPError(err)
}

// Discard closes the body of resp. A little of it is read first, so that the connection
// can be reused; a longer body, and every event stream, ends with its connection.
func Discard(resp *http.Response) {
	defer func() { _ = resp.Body.Close() }()
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		return
	}
	defer shutAfter(resp.Body, discardTime)()
	_, _ = io.CopyN(io.Discard, resp.Body, maxDiscard)
}

// shutAfter closes body when the time is over, which ends a read that is under
// way. over ends the wait and reports whether that happened.
func shutAfter(body io.Closer, limit time.Duration) (over func() bool) {
	timer := time.AfterFunc(limit, func() { _ = body.Close() })
	return func() bool { return !timer.Stop() }
}
