package upstream

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// How long a connection may be idle and be used again, whatever the server says.
const (
	minIdle = 500 * time.Millisecond
	maxIdle = 90 * time.Second
)

// idleLimit is how long the server keeps connections that are idle, as it last said.
// Of a request that is written while the server closes the connection, nobody can
// tell whether it was taken.
type keepAlive struct{ d atomic.Int64 }

// limit returns 0 where the server has said nothing.
func (l *keepAlive) limit() time.Duration { return time.Duration(l.d.Load()) }

// hear reads an answer's header.
func (l *keepAlive) learn(h http.Header) {
	if lines := h["Keep-Alive"]; len(lines) > 0 {
		if d := announcedIdle(lines); d > 0 {
			l.d.Store(int64(d))
		}
	}
}

// announcedIdle returns what Keep-Alive headers say, less a second for the way there,
// within the bounds above: 0 without a timeout that is a number. Of several the
// shortest counts.
func announcedIdle(lines []string) (limit time.Duration) {
	for _, line := range lines {
		for param := range strings.SplitSeq(line, ",") {
			name, value, _ := strings.Cut(param, "=")
			if !strings.EqualFold(strings.TrimSpace(name), "timeout") {
				continue
			}
			// Of a number that is too large ParseUint returns the largest there is.
			seconds, err := strconv.ParseUint(strings.Trim(value, " \t\""), 10, 64)
			if err != nil && !errors.Is(err, strconv.ErrRange) {
				continue
			}
			one := max(time.Duration(min(seconds, uint64(maxIdle/time.Second)+1))*time.Second-time.Second, minIdle)
			if limit == 0 || one < limit {
				limit = one
			}
		}
	}
	return limit
}
