package cli

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"mcp-login/internal/jsonrpc"
	"mcp-login/internal/terminal"
)

const described = `{"name":"t","description":" first line \nsecond","inputSchema":{"required":["s"],"properties":{
	"s":{"type":"string"},"n":{"type":"number"},"i":{"type":"integer"},"b":{"type":"boolean"},"a":{"type":"array"},
	"o":{"type":"object"},"sn":{"type":["string","null"]},"nn":{"type":["number","null"]},"any":true,"none":{}}}}`

func describedTool(t *testing.T) tool {
	t.Helper()
	var one tool
	must(t, json.Unmarshal([]byte(described), &one))
	return one
}

// Values take the type that the tool's schema has for them; what has none is
// text, and := is JSON.
func TestArgumentsTakeTheTypeOfTheSchema(t *testing.T) {
	one := describedTool(t)
	for arg, want := range map[string]string{
		"s=7": `{"s":"7"}`, "s=a=b": `{"s":"a=b"}`, "s=": `{"s":""}`, "n=7.5": `{"n":7.5}`, "i=-3": `{"i":-3}`, "b=true": `{"b":true}`,
		"a=[1,2]": `{"a":[1,2]}`, `o={"x":1}`: `{"o":{"x":1}}`, "sn=7": `{"sn":"7"}`, "nn=null": `{"nn":null}`, "any=7": `{"any":"7"}`, "none=7": `{"none":"7"}`,
		"unknown=7": `{"unknown":"7"}`, "s:=7": `{"s":7}`, "é=ü": `{"é":"ü"}`, "n=12345678901234567890123": `{"n":12345678901234567890123}`,
	} {
		g, err := (&app{}).parseArguments(nil, []string{arg})
		if err != nil {
			t.Fatal(arg, err)
		}
		got, err := g.forTool(one)
		if err != nil || string(got) != want {
			t.Errorf("%s: %s, %v, want %s", arg, got, err, want)
		}
	}
	for _, args := range [][]string{{"n=seven"}, {"b=yes"}, {"s=1", "s=2"}} {
		g, err := (&app{}).parseArguments(nil, args)
		if err != nil {
			t.Fatal(args, err)
		}
		var usage usageError
		if _, err := g.forTool(one); !errors.As(err, &usage) {
			t.Errorf("%v: %v", args, err)
		}
	}
}

func TestAToolIsOneRowOfTheTable(t *testing.T) {
	one := describedTool(t)
	if got := one.arguments(); got != "s [a] [any] [b] [i] [n] [nn] [none] [o] [sn]" {
		t.Error(got)
	}
	if got := one.summary(); got != "first line second" {
		t.Error(got)
	}
	one.Description = strings.Repeat("é", 2000)
	if got := one.summary(); got != one.Description {
		t.Error(got)
	}
}

// Progress is drawn on a terminal only, on one line that is gone at the end.
func TestProgressIsDrawnOnATerminalOnly(t *testing.T) {
	m, err := jsonrpc.Parse([]byte(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":3,"total":10,"message":"half\u001b[2J"}}`))
	must(t, err)
	for _, visible := range []bool{true, false} {
		var said bytes.Buffer
		a := &app{term: terminal.New(terminal.Config{Out: io.Discard, Err: &said, ErrIsTerminal: visible})}
		a.progress(t.Context(), m)
		a.term.Clear()
		want := ""
		if visible {
			want = "\r\x1b[K3 of 10 half[2J\r\x1b[K"
		}
		if said.String() != want {
			t.Errorf("terminal %v: %q", visible, said.String())
		}
	}
}

// What a tool says goes to stdout, and a failure of it is exit code 1.
func TestResultsAreHandedOn(t *testing.T) {
	for result, want := range map[string]string{
		`{"content":[{"type":"text","text":"a\n"},{"type":"text","text":"b"}]}`:             "a\nb\n",
		`{"content":[],"structuredContent":{"n":1.0}}`:                                      `{"n":1.0}` + "\n",
		`{"content":[{"type":"resource","resource":{"uri":"a:1","text":"t"}}]}`:             "t\n",
		`{"content":[{"type":"resource_link","uri":"a:1"}]}`:                                "a:1\n",
		`{"content":[{"type":"image","mimeType":"image/png","data":"AAAA"}]}`:               "",
		`{"content":[{"type":"text","text":"no"}],"isError":true}`:                          "no\n",
		`{"content":[{"type":"text","text":"x","n":1}],"structuredContent":{"other":true}}`: "x\n",
	} {
		var out, said bytes.Buffer
		err := (&app{term: onPipes(&out, &said)}).printResult("t", []byte(result), false)
		if failed := strings.Contains(result, "isError"); out.String() != want || errors.As(err, new(toolError)) != failed {
			t.Errorf("%s: %q, %v", result, out.String(), err)
		}
		if strings.Contains(result, "image") && !strings.Contains(said.String(), "image/png") {
			t.Error(said.String())
		}
	}
}
