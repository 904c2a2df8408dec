package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"time"
)

// transport is how a stream is opened.
type transport string

const (
	transportSSE        transport = "sse"        // HTTP+SSE of 2024-11-05
	transportStreamable transport = "streamable" // the GET of Streamable HTTP
)

const (
	initialize = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}`
	// sourceAddresses share the streams where the system has them, so that the
	// ports of one need not be enough.
	sourceAddresses = 4
)

// stream is one that is left open.
type stream struct {
	conn    net.Conn
	in      *bufio.Reader
	subject string
	token   string
	// endpoint is where messages of an HTTP+SSE session go.
	endpoint chan string
	messages chan []byte
	beats    atomic.Int64
	ended    chan struct{}
	err      error // may be read once ended is closed
}

func newStream() *stream {
	return &stream{endpoint: make(chan string, 1), messages: make(chan []byte, 1), ended: make(chan struct{})}
}

// openStream opens the n-th stream to a server.
func (l *lab) openStream(ctx context.Context, p *process, by transport, n int) (*stream, error) {
	user := n % len(l.users)
	s := newStream()
	s.subject, s.token = l.users[user], l.jwts[user]
	path, more := "/sse", ""
	if by == transportStreamable {
		session, err := begin(ctx, p.address, s.token)
		if err != nil {
			return nil, err
		}
		path, more = "/mcp", "Mcp-Session-Id: "+session+"\r\nMCP-Protocol-Version: 2025-11-25\r\n"
	}
	dialer := net.Dialer{Timeout: callTimeout}
	if runtime.GOOS == "linux" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(1+n%sourceAddresses))}
	}
	var err error
	if s.conn, err = dialer.DialContext(ctx, "tcp", p.address); err != nil {
		return nil, fmt.Errorf("stream %d: %w", n, err)
	}
	_ = s.conn.SetDeadline(time.Now().Add(callTimeout))
	if _, err := fmt.Fprintf(s.conn, "GET %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nAccept: text/event-stream\r\n%s\r\n", path, p.address, s.token, more); err != nil {
		_ = s.conn.Close()
		return nil, fmt.Errorf("stream %d: %w", n, err)
	}
	resp, err := http.ReadResponse(bufio.NewReaderSize(s.conn, 1<<10), nil) //nolint:bodyclose // it is the connection, closed by who opened it
	if err == nil && (resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream")) {
		err = fmt.Errorf("status %s, %s", resp.Status, resp.Header.Get("Content-Type"))
	}
	if err != nil {
		_ = s.conn.Close()
		return nil, fmt.Errorf("stream %d: %w", n, err)
	}
	_ = s.conn.SetDeadline(time.Time{})
	s.in = bufio.NewReaderSize(resp.Body, 512)
	go s.listen()
	return s, nil
}

// listen reads the stream until it ends.
func (s *stream) listen() {
	defer close(s.ended)
	event := ""
	for {
		line, err := s.in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) { // an answer
			line = bytes.Clone(line)
			var rest []byte
			rest, err = s.in.ReadBytes('\n')
			line = append(line, rest...)
		}
		if err == nil {
			err = s.take(bytes.TrimSpace(line), &event)
		}
		if err != nil {
			s.err = err
			return
		}
	}
}

// take notes one line.
func (s *stream) take(line []byte, event *string) error {
	text := string(line)
	switch {
	case text == ": still here":
		s.beats.Add(1)
	case text == "" || text == ": welcome":
	case strings.HasPrefix(text, "event: "):
		*event = text[len("event: "):]
	case strings.HasPrefix(text, "data: ") && *event == "endpoint":
		s.endpoint <- text[len("data: "):]
	case strings.HasPrefix(text, "data: ") && *event == "message":
		s.messages <- []byte(text[len("data: "):])
	default:
		return fmt.Errorf("unexpected line %.80q", text)
	}
	return nil
}

// ask posts a call to an HTTP+SSE session and wants the answer on its stream.
func (s *stream) ask(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var endpoint string
	select {
	case endpoint = <-s.endpoint:
	case <-ctx.Done():
		return fmt.Errorf("no endpoint: %w", ctx.Err())
	}
	c, err := dial(ctx, address, endpoint, s.token, "", s.subject)
	if err != nil {
		return err
	}
	defer c.close()
	_ = c.conn.SetDeadline(time.Now().Add(callTimeout))
	if _, err := c.conn.Write(c.request); err != nil {
		return err
	}
	if status, err := c.read(); err != nil || status != http.StatusAccepted {
		return fmt.Errorf("posted: status %d, %.200s, %w", status, c.body, err)
	}
	select {
	case answer := <-s.messages:
		return checkAnswer(answer, firstID, s.subject)
	case <-s.ended:
		return fmt.Errorf("the stream has ended: %w", s.err)
	case <-ctx.Done():
		return fmt.Errorf("no answer: %w", ctx.Err())
	}
}

// begin begins a session of Streamable HTTP.
func begin(ctx context.Context, address, token string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/mcp", strings.NewReader(initialize))
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fmt.Errorf("initialize: %w", err)
	}
	_ = resp.Body.Close()
	session := resp.Header.Get("Mcp-Session-Id")
	if resp.StatusCode != http.StatusOK || session == "" {
		return "", fmt.Errorf("initialize: status %s, no session", resp.Status)
	}
	return session, nil
}
