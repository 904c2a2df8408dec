package interop

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"sync"
	"testing"
)

// model is a language model that calls the tool whoami, if a host offers it,
// once, and then is content with what it gets. It speaks as the streaming APIs
// of Gemini and OpenAI do.
type model struct {
	url string

	mu     sync.Mutex
	result string // what the host gave it as the tool's answer
}

func playModel(t *testing.T) *model {
	t.Helper()
	m := &model{}
	api := httptest.NewServer(m)
	t.Cleanup(api.Close)
	m.url = api.URL
	return m
}

// got is the tool's answer, as the host gave it.
func (m *model) got() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.result
}

// offeredTool finds the name that a host gives the tool: with or without that of
// the server in front.
var offeredTool = regexp.MustCompile(`"name":\s*"((?:\w*_)?whoami)"`)

// modelRequest is what both APIs are asked.
type modelRequest struct {
	Contents []struct { // Gemini
		Parts []struct {
			FunctionResponse json.RawMessage `json:"functionResponse"`
		} `json:"parts"`
	} `json:"contents"`
	Messages []struct { // OpenAI
		Role    string          `json:"role"`
		Content json.RawMessage `json:"content"`
	} `json:"messages"`
}

// answered is the tool's answer among all that was said so far.
func (r *modelRequest) answered() (result string) {
	for _, content := range r.Contents {
		for _, part := range content.Parts {
			if part.FunctionResponse != nil {
				result = string(part.FunctionResponse)
			}
		}
	}
	for _, message := range r.Messages {
		if message.Role == "tool" {
			result = string(message.Content)
		}
	}
	return result
}

func (m *model) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 8<<20))
	var asked modelRequest
	if err != nil || json.Unmarshal(body, &asked) != nil || asked.Contents == nil && asked.Messages == nil {
		http.Error(w, "not a request to a model", http.StatusBadRequest)
		return
	}
	tool, text := "", ""
	if result := asked.answered(); result != "" {
		m.mu.Lock()
		m.result = result
		m.mu.Unlock()
		text = "thank you"
	} else if offered := offeredTool.FindSubmatch(body); offered != nil {
		tool = string(offered[1])
	} else {
		text = "no such tool was offered"
	}
	w.Header().Set("Content-Type", "text/event-stream")
	if asked.Contents != nil {
		sayGemini(w, tool, text)
	} else {
		sayOpenAI(w, tool, text)
	}
}

func sayGemini(w io.Writer, tool, text string) {
	part := fmt.Sprintf(`{"text":%q}`, text)
	if tool != "" {
		part = fmt.Sprintf(`{"functionCall":{"name":%q,"args":{}}}`, tool)
	}
	fmt.Fprintf(w, `data: {"candidates":[{"content":{"role":"model","parts":[%s]},"finishReason":"STOP","index":0}],`+
		`"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":1,"totalTokenCount":2}}`+"\r\n\r\n", part)
}

func sayOpenAI(w io.Writer, tool, text string) {
	delta, finish := fmt.Sprintf(`{"role":"assistant","content":%q}`, text), "stop"
	if tool != "" {
		finish = "tool_calls"
		delta = fmt.Sprintf(`{"role":"assistant","tool_calls":[{"index":0,"id":"call-1","type":"function","function":{"name":%q,"arguments":"{}"}}]}`, tool)
	}
	const chunk = `data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"played","choices":[{"index":0,"delta":%s,"finish_reason":%s}]}` + "\n\n"
	fmt.Fprintf(w, chunk, delta, "null")
	fmt.Fprintf(w, chunk, "{}", `"`+finish+`"`)
	fmt.Fprint(w, "data: [DONE]\n\n")
}
