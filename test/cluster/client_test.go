package cluster

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// user is one person's client.
type user struct {
	name, token, base string
	http              *http.Client
}

// errAgain is a call that was refused for a moment, errNoSession one whose
// session is gone: the two things that a client has to be able to live with. errCut is a
// call that was accepted before its session ended.
var (
	errAgain     = errors.New("try again")
	errNoSession = errors.New("no session")
	errCut       = fmt.Errorf("%w any more, and no answer", errNoSession)
)

const (
	initialize = `{"jsonrpc":"2.0","id":%d,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`
	whoami     = `{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"whoami","arguments":{}}}`
)

func (u *user) do(ctx context.Context, method, path, body, session string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, u.base+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+u.token)
	req.Header.Set("Accept", "application/json, text/event-stream")
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if session != "" {
		req.Header.Set("Mcp-Session-Id", session)
	}
	resp, err := u.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errAgain, err)
	}
	switch resp.StatusCode {
	case 200, 202:
		return resp, nil
	case 404:
		err = errNoSession
	case 429, 502, 503, 504:
		err = errAgain
	default:
		text, _ := io.ReadAll(resp.Body)
		err = fmt.Errorf("%s %s: %s %s", method, path, resp.Status, text)
	}
	_ = resp.Body.Close()
	return nil, err
}

// answer is what comes back for a call.
type answer struct {
	ID     int `json:"id"`
	Error  any `json:"error"`
	Result struct {
		StructuredContent struct {
			Sub string `json:"sub"`
		} `json:"structuredContent"`
	} `json:"result"`
}

// check reports an answer that is not for this user's call.
func (u *user) check(a answer, id int) error {
	if a.ID != id || a.Error != nil || a.Result.StructuredContent.Sub != u.name {
		return fmt.Errorf("CROSSED: call %d of %s was answered %+v", id, u.name, a)
	}
	return nil
}

// caller makes one call with the given id. A caller is used by one goroutine,
// but for stream.
type caller interface {
	call(ctx context.Context, id int) error
	// restart begins anew after errNoSession.
	restart(ctx context.Context) error
	close()
}

// stateless calls on Streamable HTTP without a session, as 2026-07-28 does.
type stateless struct{ *user }

func (s stateless) call(ctx context.Context, id int) error {
	const meta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}},`
	body := strings.Replace(fmt.Sprintf(whoami, id), `"name"`, meta+`"name"`, 1)
	req, err := http.NewRequestWithContext(ctx, "POST", s.base+"/mcp", strings.NewReader(body))
	if err != nil {
		return err
	}
	for name, value := range map[string]string{
		"Authorization": "Bearer " + s.token, "Content-Type": "application/json", "Accept": "application/json, text/event-stream",
		"Mcp-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "whoami",
	} {
		req.Header.Set(name, value)
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return fmt.Errorf("%w: %w", errAgain, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == 502 || resp.StatusCode == 503 || resp.StatusCode == 504 {
		return errAgain
	}
	return s.read(resp, id)
}

func (u *user) read(resp *http.Response, id int) error {
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("%w: %w", errAgain, err)
	}
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		return fmt.Errorf("%s: %q: %w", resp.Status, body, err)
	}
	return u.check(a, id)
}

func (s stateless) restart(context.Context) error { return nil }
func (s stateless) close()                        {}

// stateful calls on Streamable HTTP with a session.
type stateful struct {
	*user
	session string
}

func (s *stateful) restart(ctx context.Context) error {
	resp, err := s.do(ctx, "POST", "/mcp", fmt.Sprintf(initialize, 0), "")
	if err != nil {
		return err
	}
	_ = resp.Body.Close()
	s.session = resp.Header.Get("Mcp-Session-Id")
	if s.session == "" {
		return errors.New("no session id")
	}
	return nil
}

func (s *stateful) call(ctx context.Context, id int) error {
	if s.session == "" {
		return errNoSession
	}
	resp, err := s.do(ctx, "POST", "/mcp", fmt.Sprintf(whoami, id), s.session)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return s.read(resp, id)
}

func (s *stateful) close() {}

// stream calls on HTTP+SSE. It may be used by several goroutines at a time.
type stream struct {
	*user
	// once says that no call may run twice: one that was refused for a moment is not sent again
	// before it is sure that no answer comes.
	once bool

	mu       sync.Mutex
	endpoint string
	end      context.CancelFunc
	gone     chan struct{} // closed when the stream has ended
	waiting  map[int]chan answer
	asked    map[int]int
	strange  []error // what came and nobody had asked for
}

func (s *stream) restart(ctx context.Context) error {
	s.close()
	// The stream outlives the call that opens it.
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	resp, err := s.do(life, "GET", "/sse", "", "")
	if err != nil {
		end()
		return err
	}
	r := bufio.NewReader(resp.Body)
	event, data, err := nextEvent(r)
	if err != nil || event != "endpoint" {
		end()
		_ = resp.Body.Close()
		return fmt.Errorf("%w: first event %q, %w", errAgain, event, err)
	}
	gone := make(chan struct{})
	s.mu.Lock()
	s.endpoint, s.end, s.gone, s.waiting = data, end, gone, make(map[int]chan answer)
	if s.asked == nil {
		s.asked = make(map[int]int)
	}
	s.mu.Unlock()
	go func() {
		defer close(gone)
		defer resp.Body.Close()
		for {
			_, data, err := nextEvent(r)
			if err != nil {
				return
			}
			s.take(data)
		}
	}()
	return nil
}

func (s *stream) take(data string) {
	var a answer
	err := json.Unmarshal([]byte(data), &a)
	s.mu.Lock()
	defer s.mu.Unlock()
	// A call that was tried again because of a 502 may be answered twice, if the
	// first try got through after all.
	s.asked[a.ID]--
	if err != nil || s.asked[a.ID] < 0 || s.check(a, a.ID) != nil {
		s.strange = append(s.strange, fmt.Errorf("nobody has asked for %s (%w)", data, err))
		return
	}
	if to, ok := s.waiting[a.ID]; ok {
		delete(s.waiting, a.ID)
		to <- a
	}
}

func nextEvent(r *bufio.Reader) (event, data string, err error) {
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return "", "", err
		}
		switch line = strings.TrimRight(line, "\n"); {
		case strings.HasPrefix(line, "event: "):
			event = line[len("event: "):]
		case strings.HasPrefix(line, "data: "):
			data = line[len("data: "):]
		case line == "" && data != "":
			return event, data, nil
		}
	}
}

// answerTimeout is far beyond what an answer takes. One that does not come
// although the stream lives is lost.
const answerTimeout = 30 * time.Second

func (s *stream) call(ctx context.Context, id int) error {
	to := make(chan answer, 1)
	s.mu.Lock()
	endpoint, gone := s.endpoint, s.gone
	if gone == nil {
		s.mu.Unlock()
		return errNoSession
	}
	s.waiting[id] = to
	s.asked[id]++
	s.mu.Unlock()
	resp, err := s.do(ctx, "POST", endpoint, fmt.Sprintf(whoami, id), "")
	if err == nil {
		_ = resp.Body.Close()
	} else if !errors.Is(err, errAgain) {
		select {
		case <-gone: // servers have several words for that, and it may be read later
			return errNoSession
		case <-time.After(time.Second):
			return err
		}
	}
	// What was refused for a moment may have been taken all the same: then the
	// answer comes, and there is no need to ask twice.
	patience := answerTimeout
	if err != nil && !s.once {
		patience = 200 * time.Millisecond
	}
	select {
	case a := <-to:
		return s.check(a, id)
	case <-gone:
		select {
		case a := <-to:
			return s.check(a, id)
		default:
		}
		if err != nil {
			return errNoSession
		}
		return fmt.Errorf("call %d of %s: %w", id, s.name, errCut)
	case <-time.After(patience):
		if err != nil {
			return err
		}
		return fmt.Errorf("LOST: call %d of %s was accepted and not answered", id, s.name)
	}
}

func (s *stream) close() {
	s.mu.Lock()
	end, gone := s.end, s.gone
	s.mu.Unlock()
	if end != nil {
		end()
		<-gone
	}
}
