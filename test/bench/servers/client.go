package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// Ids of calls have a fixed number of digits, so that a request is made by
// writing them over those of the last one.
const (
	firstID = 1_000_000
	digits  = 7
)

const (
	callWhoami   = `{"jsonrpc":"2.0","id":1000000,"method":"tools/call","params":{"name":"whoami","arguments":{}}}`
	callTimeout  = 30 * time.Second
	maxAnswer    = 1 << 20
	maxHeader    = 64
	readerBuffer = 4 << 10
)

// connection is one that stays open, of one user. It costs next to nothing, so
// that what is measured is the server.
type connection struct {
	conn    net.Conn
	in      *bufio.Reader
	subject string // the user's

	request   []byte
	requestID int // where the digits of the id are
	next      int

	body    []byte // of the last answer
	known   []byte // an answer that was looked at closely
	knownID int
}

// dial opens a connection to a server for a user with a token, and more header fields.
func dial(ctx context.Context, address, path, token, more, subject string) (*connection, error) {
	conn, err := (&net.Dialer{Timeout: callTimeout}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	c := &connection{conn: conn, in: bufio.NewReaderSize(conn, readerBuffer), subject: subject, next: firstID}
	c.request = post(address, path, token, more, callWhoami)
	c.requestID = bytes.LastIndex(c.request, []byte(strconv.Itoa(firstID)))
	return c, nil
}

// post is a whole request of Streamable HTTP as it stands on the wire.
func post(address, path, token, more, body string) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2025-11-25\r\n"+
		"%sContent-Length: %d\r\n\r\n%s", path, address, token, more, len(body), body)
}

func (c *connection) close() { _ = c.conn.Close() }

// call asks who the user is and checks the answer.
func (c *connection) call() (time.Duration, error) {
	id := strconv.AppendInt(c.request[c.requestID:c.requestID], int64(c.next), 10)
	if len(id) != digits {
		return 0, errors.New("too many calls")
	}
	from := time.Now()
	if c.next%64 == 0 {
		_ = c.conn.SetDeadline(from.Add(callTimeout))
	}
	if _, err := c.conn.Write(c.request); err != nil {
		return 0, fmt.Errorf("write request: %w", err)
	}
	status, err := c.read()
	took := time.Since(from)
	if err != nil {
		return 0, fmt.Errorf("read answer: %w", err)
	}
	if status != 200 {
		return 0, fmt.Errorf("status %d: %.200s", status, c.body)
	}
	if !c.expected(id) {
		if err := c.look(c.next); err != nil {
			return 0, err
		}
	}
	c.next++
	return took, nil
}

// expected reports whether the answer is the known one with another id.
func (c *connection) expected(id []byte) bool {
	at := c.knownID
	return c.known != nil && len(c.body) == len(c.known) && bytes.Equal(c.body[:at], c.known[:at]) &&
		bytes.Equal(c.body[at:at+digits], id) && bytes.Equal(c.body[at+digits:], c.known[at+digits:])
}

// look decodes an answer, and keeps it if it is right.
func (c *connection) look(id int) error {
	if err := checkAnswer(c.body, id, c.subject); err != nil {
		return fmt.Errorf("%w: %.300s", err, c.body)
	}
	text := []byte(strconv.Itoa(id))
	if bytes.Count(c.body, text) == 1 {
		c.known, c.knownID = bytes.Clone(c.body), bytes.Index(c.body, text)
	}
	return nil
}

// read reads one answer into c.body.
func (c *connection) read() (status int, err error) {
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return 0, fmt.Errorf("no status in %.40q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, fmt.Errorf("status: %w", err)
	}
	length, chunked := -1, false
	for range maxHeader {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			return status, c.readBody(length, chunked)
		}
		if value, ok := field(line, "content-length"); ok {
			if length, err = strconv.Atoi(string(value)); err != nil {
				return 0, fmt.Errorf("length: %w", err)
			}
		} else if value, ok := field(line, "transfer-encoding"); ok {
			chunked = bytes.EqualFold(value, []byte("chunked"))
		}
	}
	return 0, errors.New("too many header fields")
}

// field is the value of a header field if it has that name.
func field(line []byte, name string) ([]byte, bool) {
	if len(line) <= len(name) || line[len(name)] != ':' || !bytes.EqualFold(line[:len(name)], []byte(name)) {
		return nil, false
	}
	return bytes.TrimSpace(line[len(name)+1:]), true
}

func (c *connection) readBody(length int, chunked bool) error {
	c.body = c.body[:0]
	if !chunked {
		return c.take(max(length, 0))
	}
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		size, err := strconv.ParseUint(string(bytes.TrimSpace(line)), 16, 31)
		if err != nil {
			return fmt.Errorf("chunk: %w", err)
		}
		if err := c.take(int(size)); err != nil {
			return err
		}
		if _, err := c.in.Discard(len("\r\n")); err != nil || size == 0 {
			return err
		}
	}
}

// take appends the next n bytes to the body.
func (c *connection) take(n int) error {
	at := len(c.body)
	if n < 0 || at+n > maxAnswer {
		return errors.New("answer too long")
	}
	if cap(c.body) < at+n {
		c.body = append(make([]byte, 0, at+n), c.body...)
	}
	c.body = c.body[:at+n]
	_, err := io.ReadFull(c.in, c.body[at:])
	return err
}
