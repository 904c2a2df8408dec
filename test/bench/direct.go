package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
)

// direct is a session without a bridge: the driver's own HTTP client. It shows
// what target and driver can do at most.
type direct struct {
	url    string
	client *http.Client
	box    *inbox
	mu     sync.Mutex // around box.take, which is not for several at once
	ctx    context.Context
	stop   context.CancelFunc
}

func newDirect(url, certificate string) (*direct, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = slots
	if pem, err := os.ReadFile(certificate); err == nil {
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(pem)
		transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	d := &direct{url: url, client: &http.Client{Transport: transport}, box: newInbox()}
	d.ctx, d.stop = context.WithCancel(context.Background())
	return d, nil
}

func (d *direct) inbox() *inbox { return d.box }
func (d *direct) pid() int      { return 0 }

func (d *direct) close() (usage, error) {
	d.stop()
	d.client.CloseIdleConnections()
	return usage{}, nil
}

// post sends in a goroutine: a call of the driver waits for the answer anyway.
func (d *direct) post(line []byte) error {
	go d.send(line)
	return nil
}

func (d *direct) send(line []byte) {
	req, err := http.NewRequestWithContext(d.ctx, http.MethodPost, d.url, bytes.NewReader(line))
	if err != nil {
		return
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	resp, err := d.client.Do(req)
	if err != nil {
		return // the call runs into its deadline
	}
	defer func() { _ = resp.Body.Close() }()
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		d.events(resp.Body)
		return
	}
	var body bytes.Buffer
	if resp.ContentLength > 0 {
		body.Grow(int(resp.ContentLength) + bytes.MinRead)
	}
	if _, err := body.ReadFrom(resp.Body); err == nil && body.Len() > 0 {
		d.take(body.Bytes())
	}
}

func (d *direct) take(line []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.box.take(line)
}

func (d *direct) events(body io.Reader) {
	lines := newLineSource(body)
	for {
		line, err := lines.next()
		if err != nil {
			return
		}
		if data, ok := bytes.CutPrefix(line, []byte("data: ")); ok {
			d.take(data)
		}
	}
}

// runEcho answers lines as the target does, without HTTP: the floor of a
// process on the other end of two pipes.
func runEcho(in io.Reader, out io.Writer) error {
	lines, w := newLineSource(in), bufio.NewWriterSize(out, 64<<10)
	for {
		line, err := lines.next()
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		m, err := decode(bytes.NewReader(line))
		if err != nil || m.ID == nil || m.Method == "" {
			continue
		}
		if m.notifies() {
			for i := range m.Params.Arguments.Count {
				_, _ = fmt.Fprintf(w, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progressToken\":%s,\"progress\":%d}}\n", m.Params.Meta.ProgressToken, i+1)
			}
		}
		for _, part := range append(m.result(), []byte("\n")) {
			if _, err := w.Write(part); err != nil {
				return err
			}
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
}
