package interop

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// model is a language model that calls the tool whoami, if a host offers it,
// once, and then is content with what it gets. Where it is offered the tool of
// somebody who has to sign in first it calls that, once. It speaks as the APIs of
// Gemini, OpenAI (chat completions and responses) and Anthropic do.
type model struct {
	url string

	mu      sync.Mutex
	result  string   // what the host gave it as the answer of whoami
	told    string   // the same of the sign-in tool
	asked   []string // what it was asked, for a test that fails
	refused []string // what it was asked, and did not understand
}

func playModel(t *testing.T) *model {
	t.Helper()
	m := &model{}
	api := httptest.NewServer(m)
	t.Cleanup(api.Close)
	t.Cleanup(func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if t.Failed() {
			t.Logf("the model was asked:\n%s\nand did not understand:\n%s", strings.Join(m.asked, "\n"), strings.Join(m.refused, "\n"))
		}
	})
	m.url = api.URL
	return m
}

// got is the answer of whoami, as the host gave it.
func (m *model) got() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.result
}

// heard is the answer of the sign-in tool, as the host gave it.
func (m *model) heard() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.told
}

// offered finds the name that a host gives a tool: with or without that of the
// server in front.
var offered = map[string]*regexp.Regexp{
	"whoami": regexp.MustCompile(`"name":\s*"((?:[\w-]*[_-])?whoami)"`),
	signIn:   regexp.MustCompile(`"name":\s*"((?:[\w-]*[_-])?mcp_login_sign_in)"`),
}

// modelRequest is what all four APIs are asked.
type modelRequest struct {
	Stream   bool
	Tools    json.RawMessage `json:"tools"`
	Contents []struct {      // Gemini
		Parts []struct {
			FunctionResponse json.RawMessage `json:"functionResponse"`
		} `json:"parts"`
	} `json:"contents"`
	Messages []struct { // OpenAI's chat completions, and Anthropic
		Role    string          `json:"role"`
		Content json.RawMessage `json:"content"`
	} `json:"messages"`
	Input json.RawMessage `json:"input"` // OpenAI's responses
}

// results are the tools' answers among all that was said so far.
func (r *modelRequest) results() (all []string) {
	for _, content := range r.Contents {
		for _, part := range content.Parts {
			if part.FunctionResponse != nil {
				all = append(all, string(part.FunctionResponse))
			}
		}
	}
	for _, message := range r.Messages {
		var parts []struct {
			Type    string
			Content json.RawMessage
		}
		if message.Role == "tool" {
			all = append(all, string(message.Content))
		} else if json.Unmarshal(message.Content, &parts) == nil {
			for _, part := range parts {
				if part.Type == "tool_result" {
					all = append(all, string(part.Content))
				}
			}
		}
	}
	var items []struct {
		Type   string
		Output json.RawMessage
	}
	if json.Unmarshal(r.Input, &items) == nil {
		for _, item := range items {
			if item.Type == "function_call_output" {
				all = append(all, string(item.Output))
			}
		}
	}
	return all
}

func (m *model) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 8<<20))
	var asked modelRequest
	if err != nil || json.Unmarshal(body, &asked) != nil || asked.Contents == nil && asked.Messages == nil && asked.Input == nil {
		m.mu.Lock()
		m.refused = append(m.refused, r.Method+" "+r.URL.Path)
		m.mu.Unlock()
		http.Error(w, "not a request to a model", http.StatusBadRequest)
		return
	}
	tool, text := m.answer(r.URL.Path, asked)
	switch {
	case asked.Contents != nil:
		speak(w, true)
		sayGemini(w, tool, text)
	case strings.HasSuffix(r.URL.Path, "/count_tokens"):
		fmt.Fprint(w, `{"input_tokens":1}`)
	case strings.HasSuffix(r.URL.Path, "/messages"):
		speak(w, asked.Stream)
		sayAnthropic(w, asked.Stream, tool, text)
	case asked.Input != nil:
		speak(w, asked.Stream)
		sayResponse(w, asked.Stream, tool, text)
	default:
		speak(w, asked.Stream)
		sayOpenAI(w, asked.Stream, tool, text)
	}
}

func speak(w http.ResponseWriter, stream bool) {
	kind := "application/json"
	if stream {
		kind = "text/event-stream"
	}
	w.Header().Set("Content-Type", kind)
}

// answer is the tool that the model calls next, or what it says.
func (m *model) answer(path string, asked modelRequest) (tool, text string) {
	results := asked.results()
	last := ""
	if len(results) > 0 {
		last = results[len(results)-1]
	}
	tools := map[string]string{}
	for name, pattern := range offered {
		if found := pattern.FindSubmatch(asked.Tools); found != nil {
			tools[name] = string(found[1])
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked = append(m.asked, fmt.Sprintf("%s: tools %v, answers %.600q", path, tools, results))
	switch {
	case strings.Contains(last, "alice"):
		m.result = last
		return "", "thank you"
	case tools["whoami"] != "" && len(results) < 3:
		return tools["whoami"], ""
	case tools[signIn] != "" && last == "":
		return tools[signIn], ""
	case last != "":
		m.told = last
		return "", "somebody has to sign in"
	}
	return "", "no such tool was offered"
}

func sayGemini(w io.Writer, tool, text string) {
	part := fmt.Sprintf(`{"text":%q}`, text)
	if tool != "" {
		part = fmt.Sprintf(`{"functionCall":{"name":%q,"args":{}}}`, tool)
	}
	fmt.Fprintf(w, `data: {"candidates":[{"content":{"role":"model","parts":[%s]},"finishReason":"STOP","index":0}],`+
		`"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":1,"totalTokenCount":2}}`+"\r\n\r\n", part)
}

func sayOpenAI(w io.Writer, stream bool, tool, text string) {
	message, finish := fmt.Sprintf(`{"role":"assistant","content":%q}`, text), "stop"
	if tool != "" {
		finish = "tool_calls"
		message = fmt.Sprintf(`{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"call-1","type":"function","function":{"name":%q,"arguments":"{}"}}]}`, tool)
	}
	const usage = `"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}`
	if !stream {
		fmt.Fprintf(w, `{"id":"1","object":"chat.completion","created":1,"model":"played","choices":[{"index":0,"message":%s,"finish_reason":%q}],%s}`, message, finish, usage)
		return
	}
	const chunk = `data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"played","choices":[{"index":0,"delta":%s,"finish_reason":%s}]%s}` + "\n\n"
	fmt.Fprintf(w, chunk, message, "null", "")
	fmt.Fprintf(w, chunk, "{}", `"`+finish+`"`, ","+usage)
	fmt.Fprint(w, "data: [DONE]\n\n")
}

func sayAnthropic(w io.Writer, stream bool, tool, text string) {
	block, stop := fmt.Sprintf(`{"type":"text","text":%q}`, text), "end_turn"
	empty, delta := `{"type":"text","text":""}`, fmt.Sprintf(`{"type":"text_delta","text":%q}`, text)
	if tool != "" {
		block, stop = fmt.Sprintf(`{"type":"tool_use","id":"toolu_1","name":%q,"input":{}}`, tool), "tool_use"
		empty, delta = block, `{"type":"input_json_delta","partial_json":"{}"}`
	}
	const message = `{"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-4-5","content":[%s],"stop_reason":%s,"stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}`
	if !stream {
		fmt.Fprintf(w, message, block, `"`+stop+`"`)
		return
	}
	event := func(kind, rest string) { fmt.Fprintf(w, "event: %s\ndata: {\"type\":%q%s}\n\n", kind, kind, rest) }
	event("message_start", `,"message":`+fmt.Sprintf(message, "", "null"))
	event("content_block_start", `,"index":0,"content_block":`+empty)
	event("content_block_delta", `,"index":0,"delta":`+delta)
	event("content_block_stop", `,"index":0`)
	event("message_delta", `,"delta":{"stop_reason":"`+stop+`","stop_sequence":null},"usage":{"output_tokens":1}`)
	event("message_stop", "")
}

func sayResponse(w io.Writer, stream bool, tool, text string) {
	item := fmt.Sprintf(`{"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[{"type":"output_text","text":%q,"annotations":[]}]}`, text)
	if tool != "" {
		item = fmt.Sprintf(`{"type":"function_call","id":"fc_1","call_id":"call_1","name":%q,"arguments":"{}","status":"completed"}`, tool)
	}
	const response = `{"id":"resp_1","object":"response","created_at":1,"status":%q,"model":"played","output":[%s],"usage":{"input_tokens":1,"output_tokens":1,"total_tokens":2}}`
	if !stream {
		fmt.Fprintf(w, response, "completed", item)
		return
	}
	event := func(kind, rest string) { fmt.Fprintf(w, "event: %s\ndata: {\"type\":%q%s}\n\n", kind, kind, rest) }
	event("response.created", `,"response":`+fmt.Sprintf(response, "in_progress", ""))
	event("response.output_item.added", `,"output_index":0,"item":`+item)
	event("response.output_item.done", `,"output_index":0,"item":`+item)
	event("response.completed", `,"response":`+fmt.Sprintf(response, "completed", item))
}
