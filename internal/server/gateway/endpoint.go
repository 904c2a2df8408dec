package gateway

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"mcp-login/internal/foreign"
	"mcp-login/internal/origin"
)

const (
	// endpointTime is how long the upstream may take for the first event of HTTP+SSE.
	endpointTime = 10 * time.Second
	// maxFirstEvent bounds all that comes before its end.
	maxFirstEvent = 16 << 10
	lineBuffer    = 4 << 10
)

var (
	errEndpoint = errors.New("the first event names no address of the upstream")
	errLines    = errors.New("an event of the upstream is not as HTTP+SSE has it")
)

// SSE opens a stream of HTTP+SSE (MCP 2024-11-05, transports). endpoint is what its first
// event names: the address that takes messages, which must be of the upstream's own origin,
// or callers would be sent elsewhere. The event itself is taken out of the stream. It is ""
// for an answer that is no stream. answered is called with the id of each request, as
// [RequestID] has it, that the stream has answered, once the event was passed on.
func (g *Gateway) SSE(ctx context.Context, c Call, answered func(id string)) (resp *http.Response, endpoint string, err error) {
	resp, err = g.send(ctx, g.sse, &c, true)
	if err != nil || resp.StatusCode >= 300 {
		return resp, "", err
	}
	garbage := func(err error) (*http.Response, string, error) {
		_ = resp.Body.Close()
		return nil, "", &Failure{Garbage, http.StatusBadGateway, "The server behind this gateway did not answer properly.", err}
	}
	if mediaType(resp) != typeEvents {
		return garbage(errEndpoint)
	}
	lines := &eventLines{r: bufio.NewReaderSize(resp.Body, lineBuffer), Closer: resp.Body, tell: answered}
	slow := time.AfterFunc(endpointTime, func() { _ = resp.Body.Close() })
	named, err := lines.endpoint()
	if !slow.Stop() || err != nil {
		return garbage(errors.Join(errEndpoint, err))
	}
	u, err := g.sse.Parse(named)
	if err != nil || !origin.SafeRedirect(g.sse, u) || u.Fragment != "" || len(u.RequestURI()) > maxSealed-maxReplica {
		return garbage(errEndpoint)
	}
	resp.Body = lines
	return resp, u.RequestURI(), nil
}

// Message posts a message of HTTP+SSE to the endpoint that [Gateway.SSE] has returned.
func (g *Gateway) Message(ctx context.Context, endpoint string, c Call) (*http.Response, error) {
	u, err := url.ParseRequestURI(endpoint)
	if err != nil {
		return nil, fmt.Errorf("endpoint: %w", err)
	}
	u.Scheme, u.Host = g.sse.Scheme, g.sse.Host
	return g.send(ctx, u, &c, false)
}

// eventLines reads an event stream line by line. Further events that name an endpoint end
// it: clients would believe each of them.
type eventLines struct {
	r *bufio.Reader
	io.Closer
	tell     func(id string)
	judged   []byte // what of the last piece was not read yet
	within   bool   // a line that has begun
	cr       bool   // CR was the last byte
	data     bool   // the line is one of data
	message  answerScan
	answered []string // the ids of the requests whose answers were read last
}

// endpoint returns the data of the first event of that type. Events before it are dropped.
func (l *eventLines) endpoint() (string, error) {
	var kind, data string
	for size := 0; size <= maxFirstEvent; {
		line, err := l.r.ReadSlice('\n')
		size += len(line)
		if err != nil {
			return "", fmt.Errorf("read event: %w", foreign.HTTPError(err))
		}
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch {
		case bytes.IndexByte(line, '\r') >= 0:
			return "", errLines // the end of a line for browsers
		case len(line) == 0 && kind == "endpoint":
			return data, nil
		case len(line) == 0:
			kind, data = "", ""
		case string(name) == "event":
			kind = string(value)
		case string(name) == "data":
			data = string(value)
		}
	}
	return "", errLines
}

// Read returns a line, or as much of it as fits, and with it those that have come already. Who
// reads on has passed on what was read before.
func (l *eventLines) Read(p []byte) (n int, err error) {
	for _, id := range l.answered {
		l.tell(id)
	}
	l.answered = l.answered[:0]
	for n < len(p) {
		if len(l.judged) == 0 {
			l.judged, err = l.piece()
		}
		if len(l.judged) == 0 {
			return n, err
		}
		k := copy(p[n:], l.judged)
		n, l.judged = n+k, l.judged[k:]
		if next, _ := l.r.Peek(l.r.Buffered()); bytes.IndexByte(next, '\n') < 0 {
			break
		}
	}
	return n, nil // the reader keeps its error
}

// piece reads a line that is allowed, or a piece of one.
func (l *eventLines) piece() ([]byte, error) {
	piece, err := l.r.ReadSlice('\n')
	switch {
	case !l.allowed(piece):
		return nil, errLines
	case errors.Is(err, bufio.ErrBufferFull):
		err = nil
	}
	return piece, err //nolint:wrapcheck // io.EOF must stay what it is
}

// allowed judges a line, or a piece of one.
func (l *eventLines) allowed(piece []byte) bool {
	if len(piece) == 0 {
		return true
	}
	if l.cr && piece[0] != '\n' {
		return false
	}
	l.cr = piece[len(piece)-1] == '\r'
	text := bytes.TrimSuffix(bytes.TrimSuffix(piece, []byte("\n")), []byte("\r"))
	if bytes.IndexByte(text, '\r') >= 0 {
		return false
	}
	first := !l.within
	l.within = piece[len(piece)-1] != '\n'
	name, value, _ := bytes.Cut(text, []byte(":"))
	l.note(first, text, string(name) == "data", value)
	return !first || string(name) != "event" || string(bytes.TrimPrefix(value, []byte(" "))) != "endpoint"
}

// note reads what a line, or a piece of one, says about the message of the event.
func (l *eventLines) note(first bool, text []byte, data bool, value []byte) {
	if first {
		l.data = data
	}
	switch {
	case first && data:
		l.message.read(value)
	case !first && l.data:
		l.message.read(text)
	case first && len(text) == 0:
		if id := l.message.end(); id != "" {
			l.answered = append(l.answered, id)
		}
	}
}
