package bearer

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"mcp-login/test/real"
)

// readers are programs that read a message a line, in Base64, and print its method and the
// name of its tool as a server in their language sees them; null if it cannot read it.
var readers = map[string][]string{
	"node": {"-e", `
		for (const line of require("fs").readFileSync(0, "utf8").trim().split("\n")) {
			let seen = null;
			try {
				const m = JSON.parse(new TextDecoder().decode(Buffer.from(line, "base64")));
				const copy = Object.assign({}, m, {}), params = { ...(m.params ?? {}) };
				seen = [copy.method, params.name, m.method, m.params?.name].map(String);
			} catch {}
			console.log(JSON.stringify(seen));
		}`},
	"python3": {"-c", `
import base64, json, sys
for line in sys.stdin:
    seen = None
    try:
        m = json.loads(base64.b64decode(line))
        p = m.get("params")
        name = p.get("name", "undefined") if isinstance(p, dict) else "undefined"
        seen = [m.get("method", "undefined"), name] * 2
    except (ValueError, RecursionError, AttributeError):
        pass
    print(json.dumps(seen))`},
}

// confusions are messages that some reader might take for another one than the next does.
func confusions() (all []string) {
	spellings := func(name string) []string {
		return []string{
			name, strings.ToUpper(name), strings.ToUpper(name[:1]) + name[1:], `\u00` + hex(name[0]) + name[1:], name + `\u0000`, `\u0000` + name, name + " ",
			"\ufeff" + name, strings.ReplaceAll(name, "a", "\uff41"), strings.ReplaceAll(name, "m", "m\u200b"), `__proto__`, name + `\ud800`, strings.ReplaceAll(name, "e", "e\u0301"),
			`\/` + name, "toString", "constructor",
		}
	}
	for _, one := range spellings("method") {
		for _, two := range spellings("method") {
			all = append(all, `{"jsonrpc":"2.0","id":1,"`+one+`":"ping","`+two+`":"tools/call","params":{"name":"delete"}}`)
		}
	}
	for _, one := range spellings("name") {
		for _, two := range spellings("name") {
			all = append(all, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"`+one+`":"read","`+two+`":"delete"}}`)
		}
	}
	for _, name := range append(spellings("params"), "param\u017f", "para\u006ds", "PARAMS\u0000") {
		all = append(all, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read"},"`+name+`":{"name":"delete"}}`)
	}
	call := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"delete"}}`
	for _, value := range []string{
		`"del\u0065te"`, `"delete\u0000"`, `"\ud83d\ude00"`, `"\ud800"`, `"\udc00\ud800"`, `"\uD83D\uDE00x"`, "\"\xff\"", "\"\xed\xa0\x80\"", "\"\xc0\xae\"", "\"a\tb\"", `"\x64elete"`, `'delete'`,
		`"\b\f\n\r\t\/\\\""`, "\"\u2028\"", "\"\ufeffdelete\"", `"delete`, `"delete""x"`,
	} {
		all = append(all, strings.Replace(call, `"delete"`, value, 1))
	}
	for _, around := range [][2]string{
		{"\ufeff", ""},
		{"", "\x00"},
		{"", call},
		{"", "\n" + call},
		{"[", "]"},
		{"\v", ""},
		{"\u00a0", ""},
		{"/*", "*/" + call},
		{"//\n", ""},
		{"", " \t\r\n"},
		{"\x1e", "\n"},
		{")]}',\n", ""},
		{"+", ""},
		{"data: ", "\n\n"},
		{strings.Repeat("[", 5000), strings.Repeat("]", 5000)},
		{`{"a":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `,"method":"ping","b":`, "}"},
	} {
		all = append(all, around[0]+call+around[1])
	}
	for _, extra := range []string{`"x":NaN`, `"x":Infinity`, `"x":-0`, `"x":1e400`, `"x":01`, `"x":.5`, `"x":0x1`, `"x":1_0`, `"x":undefined`, `"x":` + strings.Repeat("9", 5000), `"x":1,`, `"toString":1`, `"hasOwnProperty":1,"get":2`, `"__proto__":{"method":"ping","params":{"name":"read"}}`} {
		all = append(all, strings.Replace(call, `"id":1`, extra, 1), strings.Replace(call, `"name":`, extra+`,"name":`, 1))
	}
	for _, wide := range []func(string) string{
		func(s string) string { return "\xff\xfe" + strings.Join(strings.Split(s, ""), "\x00") + "\x00" },
		func(s string) string { return "\x00" + strings.Join(strings.Split(s, ""), "\x00") },
		func(s string) string { return strings.Join(strings.Split(s, ""), "\x00\x00\x00") + "\x00\x00\x00" },
	} {
		all = append(all, wide(call))
	}
	return all
}

func hex(c byte) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[c>>4], digits[c&15]})
}

// What is let through, a server in JavaScript, in Python and in Go reads as the same method
// and the same tool as was judged, or not at all.
func TestReadersOfOtherLanguagesSeeTheSameMessage(t *testing.T) {
	var passed []string
	var lines bytes.Buffer
	for _, body := range confusions() {
		m, err := ReadMessage(plain, []byte(body))
		if err != nil {
			continue
		}
		passed = append(passed, body)
		lines.WriteString(base64.StdEncoding.EncodeToString([]byte(body)) + "\n")
		var seen struct {
			Method string
			Params struct{ Name string }
		}
		if err := json.Unmarshal([]byte(body), &seen); err == nil && (seen.Method != m.Method || seen.Params.Name != m.Name) {
			t.Errorf("Go reads %.200q as %q, it was judged as %+v", body, seen, m)
		}
	}
	t.Logf("%d of %d messages are let through", len(passed), len(confusions()))
	if len(passed) < 50 || len(passed) > len(confusions())*3/4 {
		t.Errorf("%d of %d messages are let through", len(passed), len(confusions()))
	}
	for program, args := range readers {
		cmd := exec.CommandContext(t.Context(), real.Program(t, program, "install it"), args...)
		cmd.Stdin = bytes.NewReader(lines.Bytes())
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(program, err)
		}
		said := strings.Split(strings.TrimSpace(string(out)), "\n")
		if len(said) != len(passed) {
			t.Fatalf("%s has read %d messages of %d", program, len(said), len(passed))
		}
		for k, body := range passed {
			var seen []string
			if err := json.Unmarshal([]byte(said[k]), &seen); err != nil {
				t.Errorf("%s says of %.200q %s", program, body, said[k])
			}
			m, _ := ReadMessage(plain, []byte(body))
			for j, value := range seen {
				if value == "undefined" {
					value = ""
				}
				if want := []string{m.Method, m.Name}[j%2]; value != want {
					t.Errorf("%s reads %.200q as %q, it was judged as %+v", program, body, seen, m)
				}
			}
		}
	}
}
