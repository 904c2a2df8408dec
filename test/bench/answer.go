package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
)

// request is what the target reads of a message.
type request struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params struct {
		Name            string `json:"name"`
		ProtocolVersion string `json:"protocolVersion"`
		Arguments       struct {
			Size  int `json:"size"`
			Count int `json:"count"`
		} `json:"arguments"`
		Meta struct {
			ProgressToken json.RawMessage `json:"progressToken"`
		} `json:"_meta"`
	} `json:"params"`
}

// The tools of the target.
const (
	toolEcho   = "echo"   // a short answer
	toolBig    = "big"    // an answer whose text has arguments.size bytes
	toolNotify = "notify" // arguments.count notifications, then a short answer
)

const (
	shortResult = `{"content":[{"type":"text","text":"the quick brown fox jumps over the lazy dog"}]}`
	unknown     = `{"code":-32601,"message":"method not found"}`
	bigHead     = `{"content":[{"type":"text","text":"`
	bigTail     = `"}]}`
	maxBody     = 1 << 20
	maxSize     = 256 << 20
)

// payload returns the text of a large result as it stands in JSON: printable,
// with some escapes, as source code and logs have.
var payload = func() func(int) []byte {
	var mu sync.Mutex
	made := map[int][]byte{}
	return func(size int) []byte {
		mu.Lock()
		defer mu.Unlock()
		if made[size] == nil {
			made[size] = makePayload(size)
		}
		return made[size]
	}
}()

func makePayload(size int) []byte {
	b := make([]byte, 0, size+128)
	for line := 0; len(b) < size; line++ {
		b = fmt.Appendf(b, `%08d level=info msg=\"request served\" path=/items/%d took=%dms`, line, line%977, line%211)
		b = append(b, `\n`...)
	}
	b = b[:size]
	// Nothing may be cut inside an escape.
	for i := max(0, size-2); i < size; i++ {
		b[i] = '.'
	}
	if size > 2 && b[size-3] == '\\' {
		b[size-3] = '.'
	}
	return b
}

// result returns the parts of a message that answers r, in order.
func (r *request) result() [][]byte {
	head := append(append([]byte(`{"jsonrpc":"2.0","id":`), r.ID...), `,"result":`...)
	switch r.Method {
	case "initialize":
		version, _ := json.Marshal(r.Params.ProtocolVersion)
		return [][]byte{head, fmt.Appendf(nil, `{"protocolVersion":%s,"capabilities":{"tools":{}},"serverInfo":{"name":"bench","version":"1"}}}`, version)}
	case "tools/list":
		return [][]byte{head, []byte(`{"tools":[{"name":"echo","inputSchema":{"type":"object"}},{"name":"big","inputSchema":{"type":"object"}},{"name":"notify","inputSchema":{"type":"object"}}]}}`)}
	case "ping":
		return [][]byte{head, []byte(`{}}`)}
	case "tools/call":
		if size := r.Params.Arguments.Size; r.Params.Name == toolBig && size >= 0 && size <= maxSize {
			return [][]byte{head, []byte(bigHead), payload(size), []byte(bigTail + "}")}
		}
		return [][]byte{head, []byte(shortResult + "}")}
	}
	return [][]byte{append(append([]byte(`{"jsonrpc":"2.0","id":`), r.ID...), `,"error":`...), []byte(unknown + "}")}
}

// notifications writes the progress that r asks for, as events.
func (r *request) notifications(w io.Writer) error {
	for i := range r.Params.Arguments.Count {
		if _, err := fmt.Fprintf(w, "event: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progressToken\":%s,\"progress\":%d}}\n\n", r.Params.Meta.ProgressToken, i+1); err != nil {
			return err
		}
	}
	return nil
}

func (r *request) notifies() bool {
	return r.Params.Name == toolNotify && r.Params.Arguments.Count > 0 && r.Params.Meta.ProgressToken != nil
}

// event writes the answer as one event.
func (r *request) event(w io.Writer) error {
	parts := append(append([][]byte{[]byte("event: message\ndata: ")}, r.result()...), []byte("\n\n"))
	for _, part := range parts {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// decode reads one message of a client.
func decode(body io.Reader) (*request, error) {
	b, err := io.ReadAll(io.LimitReader(body, maxBody))
	if err != nil {
		return nil, err
	}
	var r request
	return &r, json.Unmarshal(b, &r)
}

// streamable is the Streamable HTTP transport, answering in events or in JSON.
func (t *target) streamable(w http.ResponseWriter, r *http.Request, events bool) {
	switch r.Method {
	case http.MethodGet:
		t.hold(w, r)
		return
	case http.MethodPost:
	default:
		return // DELETE ends the session
	}
	m, err := decode(r.Body)
	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	case m.ID == nil || m.Method == "":
		w.WriteHeader(http.StatusAccepted)
		return
	case m.Method == "initialize":
		w.Header().Set("Mcp-Session-Id", "bench")
	}
	if events || m.notifies() {
		w.Header().Set("Content-Type", "text/event-stream")
		out := bufio.NewWriterSize(w, 64<<10)
		if m.notifies() && m.notifications(out) != nil {
			return
		}
		if m.event(out) == nil {
			_ = out.Flush()
		}
		return
	}
	parts := m.result()
	length := 0
	for _, part := range parts {
		length += len(part)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(length))
	if length < maxBody {
		parts = [][]byte{bytes.Join(parts, nil)}
	}
	for _, part := range parts {
		if _, err := w.Write(part); err != nil {
			return
		}
	}
}

// hold answers a GET with a stream on which nothing is ever said.
func (t *target) hold(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(w).Flush()
	select {
	case <-r.Context().Done():
	case <-t.ended:
	}
}
