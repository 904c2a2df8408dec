package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// answerOf is an answer of an upstream that writes body.
func answerOf(kind string, body io.ReadCloser) *http.Response {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {kind}}, Body: body, ContentLength: -1}
}

// A heartbeat that is under way when the stream ends is the last one.
func TestHeartbeatsEndWithTheirStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, over := 0, make(chan struct{})
		body, upstream := io.Pipe()
		l := &Relay{Heartbeat: 25 * time.Second, Alive: func() bool {
			asked++
			if asked == 1 {
				_ = upstream.Close()
				<-over
			}
			return true
		}}
		if err := l.Write(httptest.NewRecorder(), answerOf(typeEvents, body)); err != nil {
			t.Error(err)
		}
		close(over)
		<-time.After(time.Hour)
		if asked != 1 {
			t.Errorf("the store was asked %d times", asked)
		}
	})
}

// noted keeps what is written, and when, and ends as a stream of HTTP/2 does when a deadline
// passes.
type noted struct {
	*httptest.ResponseRecorder
	deadline *time.Timer
	cut      bool
	writes   []time.Time
}

func (n *noted) SetWriteDeadline(at time.Time) error {
	if n.deadline != nil {
		n.deadline.Stop()
	}
	if !at.IsZero() {
		n.deadline = time.AfterFunc(time.Until(at), func() { n.cut = true })
	}
	return nil
}

func (n *noted) Write(p []byte) (int, error) {
	n.writes = append(n.writes, time.Now())
	return n.ResponseRecorder.Write(p)
}

// While the upstream is waited for nothing ends the answer, and no stream is silent for
// longer than the heartbeat.
func TestAnswersMayTakeTheirTimeOverHTTP2(t *testing.T) {
	for _, kind := range []string{typeJSON, typeEvents} {
		synctest.Test(t, func(t *testing.T) {
			body, upstream := io.Pipe()
			go func() {
				for range 5 {
					<-time.After(47 * time.Second)
					_, _ = io.WriteString(upstream, "data: {}\n\n")
				}
				_ = upstream.Close()
			}()
			w := &noted{ResponseRecorder: httptest.NewRecorder()}
			if err := (&Relay{Heartbeat: 25 * time.Second}).Write(w, answerOf(kind, body)); err != nil || w.cut {
				t.Errorf("%s: %v, cut: %v", kind, err, w.cut)
			}
			for k := 1; k < len(w.writes) && kind == typeEvents; k++ {
				if silent := w.writes[k].Sub(w.writes[k-1]); silent > 25*time.Second {
					t.Errorf("silent for %v", silent)
				}
			}
			if w.SetWriteDeadline(time.Time{}); w.deadline == nil {
				t.Errorf("%s: what is written last is not bounded", kind)
			}
		})
	}
}

// A stream that is idle when the server stops tells its client to come back.
func TestIdleStreamsSayGoodbye(t *testing.T) {
	body, upstream := io.Pipe()
	defer func() { _ = upstream.Close() }()
	stop, now := context.WithCancel(t.Context())
	w := httptest.NewRecorder()
	l := &Relay{Heartbeat: time.Hour, Stop: stop, First: ": welcome\n\n"}
	now()
	_ = l.Write(w, answerOf(typeEvents, body)) // it ends with the reading that is under way
	if got := w.Body.String(); !strings.HasSuffix(got, farewell) {
		t.Errorf("%q", got)
	}
}

// An upstream that stops in the middle of an answer, or of an event, or lets it come in drops
// that are too far apart, holds nobody for longer than the limit. The answer is cut off, and
// does not look like a whole one. Between two events there is no limit.
func TestAnswersDoNotStopInTheMiddle(t *testing.T) {
	const limit = 5 * time.Minute
	subscription := t.Context()
	for name, c := range map[string]struct {
		kind   string
		stop   context.Context
		pieces []string // one in each limit
		cut    bool
	}{
		"JSON":                   {typeJSON, nil, []string{`{"a":`, "1}"}, true},
		"JSON, nothing at all":   {typeJSON, nil, []string{"", "{}"}, true},
		"an event":               {typeEvents, nil, []string{"data: {}\n\ndata: {", "}\n\n"}, true},
		"the end of an event":    {typeEvents, nil, []string{"data: {}\n", "\n"}, true},
		"between events":         {typeEvents, nil, []string{"", "data: {}\n\n", "data: {}\r\n\r\n", "", "data: {}\n\n"}, false},
		"a subscription in JSON": {typeJSON, subscription, []string{"{}", "{}"}, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			body, upstream := io.Pipe()
			over := make(chan struct{})
			go func() {
				defer close(over)
				for k, piece := range c.pieces {
					if k > 0 {
						<-time.After(limit + time.Second)
					}
					if piece != "" {
						_, _ = io.WriteString(upstream, piece)
					}
				}
				_ = upstream.Close()
			}()
			start := time.Now()
			err := (&Relay{Heartbeat: 25 * time.Second, Timeout: limit, Stop: c.stop}).Write(httptest.NewRecorder(), answerOf(c.kind, body))
			took := time.Since(start)
			<-over
			if c.cut != (err != nil) || c.cut != errors.Is(err, errSilent) || c.cut && took != limit {
				t.Errorf("%s: %v after %v", name, err, took)
			}
		})
	}
}

// What comes slowly, but comes, is whole.
func TestAnswersMayComeInDrops(t *testing.T) {
	for _, kind := range []string{typeJSON, typeEvents} {
		synctest.Test(t, func(t *testing.T) {
			body, upstream := io.Pipe()
			const text = "data: {}\n\n"
			go func() {
				for k := range text {
					<-time.After(50 * time.Second)
					_, _ = io.WriteString(upstream, text[k:k+1])
				}
				_ = upstream.Close()
			}()
			w := httptest.NewRecorder()
			err := (&Relay{Heartbeat: time.Hour, Timeout: time.Minute}).Write(w, answerOf(kind, body))
			if got := strings.TrimPrefix(w.Body.String(), ": still here\n\n"); err != nil || got != text {
				t.Errorf("%s: %q, %v", kind, got, err)
			}
		})
	}
}
