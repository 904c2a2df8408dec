package jsonrpc

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// oracle is what another reader of JSON makes of a text: whether it is one, and
// which values the members of the top-level object have.
func oracle(raw []byte) (members map[string]string, ok bool) {
	d := jsontext.NewDecoder(bytes.NewReader(raw), lenient...)
	if d.PeekKind() != jsontext.KindBeginObject {
		if d.SkipValue() != nil {
			return nil, false
		}
		_, err := d.ReadToken()
		return nil, errors.Is(err, io.EOF)
	}
	members = map[string]string{}
	if _, err := d.ReadToken(); err != nil {
		return nil, false
	}
	for d.PeekKind() != jsontext.KindEndObject {
		token, err := d.ReadToken()
		if err != nil {
			return nil, false
		}
		name := token.String()
		value, err := d.ReadValue()
		if err != nil {
			return nil, false
		}
		members[name] = string(value)
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, false
	}
	_, err := d.ReadToken()
	return members, errors.Is(err, io.EOF)
}

// agree holds the scanner against the oracle, the text cut in pieces of n.
func agree(t *testing.T, raw []byte, n int) {
	t.Helper()
	var s Scanner
	var err error
	for rest := raw; len(rest) > 0 && err == nil; {
		piece := rest[:min(n, len(rest))]
		err = s.Feed(piece)
		rest = rest[len(piece):]
	}
	if err == nil {
		err = s.End()
	}
	members, ok := oracle(raw)
	if (err == nil) != ok {
		t.Fatalf("%q in pieces of %d: scanner %v, oracle %v", raw, n, err, ok)
	}
	if !ok {
		return
	}
	if breaks := bytes.ContainsAny(raw, "\r\n"); breaks != s.breaks {
		t.Fatalf("%q: breaks %v", raw, s.breaks)
	}
	for name, at := range map[string]place{"id": s.places[memberID], "method": s.places[memberMethod], "params": s.places[memberParams], "result": s.places[memberResult], "error": s.places[memberError]} {
		want, exists := members[name]
		if at.found() != exists || exists && string(raw[at.from:at.to]) != want {
			t.Fatalf("%q: %s at %v, want %q", raw, name, at, want)
		}
	}
}

// texts are corners of the grammar.
var texts = []string{
	``, ` `, `{}`, `[]`, `[ ]`, `{ }`, `null`, `true`, `false`, `0`, `-0`, `-`, `00`, `01`, `1.`, `.1`, `1.5e+07`, `1e`, `1e+`, `1E-0`, `1.e1`, `0e0`, `-1.0`, `+1`,
	`"a"`, `"\u0041"`, `"\u004"`, `"\x"`, `"\ud800"`, `"\ud800\ud800"`, `"\udc00\ud800"`, "\"\x1f\"", "\"\x7f\"", "\"\xff\xc0\"", `"`, `"\`, `"a" "b"`, `nul`, `nulll`, `tru`, `truee`, `True`,
	`[1,2]`, `[1,]`, `[,1]`, `[1 2]`, `[1`, `1]`, `[}`, `{]`, `{"a":1,}`, `{,}`, `{"a"}`, `{"a":}`, `{"a" 1}`, `{1:2}`, `{"a":1 "b":2}`, `{"a":1,"a":2}`, `{"a":{"id":1}}`, `[{"id":1}]`,
	`{"id":1,"id":2}`, `{"\u0069d":7}`, `{"\u0069\u0064":"x","method":null}`, `{"i\d":1}`, `{"id" : 1 , "result" : {"id":3} }`, "{\n\"id\"\r\n:1}", `{"error":[1,{"a":[]}],"params":-1.5e3,"method":"m"}`,
	`{"` + strings.Repeat("x", 60) + `":1,"id":2}`, `{"\u0070\u0061\u0072\u0061\u006d\u0073":[]}`, `{"id":1}x`, `{"id":1} `, "\ufeff{}", "{}\x00", "\v{}", `{"id":12345678901234567890123456789012345678901234567890}`,
	`{"result":"` + strings.Repeat("abcdefg\\n", 20) + `","id":"é\"\\"}`,
}

// RFC 8259, and the envelope of JSON-RPC: the scanner takes what another reader
// takes, and finds the same values, however the text is cut.
func TestScannerAgreesWithAnotherReader(t *testing.T) {
	for _, text := range texts {
		for _, n := range []int{1, 2, 3, 7, 8, 9, 1000} {
			agree(t, []byte(text), n)
		}
	}
}

// Nesting is bounded.
func TestScannerBoundsNesting(t *testing.T) {
	for _, c := range []struct {
		depth int
		ok    bool
	}{{maxDepth, true}, {maxDepth + 1, false}} {
		var s Scanner
		err := errors.Join(s.Feed(bytes.Repeat([]byte("["), c.depth)), s.Feed(bytes.Repeat([]byte("]"), c.depth)), s.End())
		if (err == nil) != c.ok {
			t.Errorf("depth %d: %v", c.depth, err)
		}
	}
}

// A differential fuzz.
func FuzzScanner(f *testing.F) {
	for _, text := range texts {
		f.Add([]byte(text), uint8(3))
	}
	f.Fuzz(func(t *testing.T, raw []byte, n uint8) {
		agree(t, raw, int(n)+1)
	})
}

// What a message of each shape costs.
func BenchmarkScan(b *testing.B) {
	for name, raw := range map[string]string{
		"call":    `{"jsonrpc":"2.0","id":17,"method":"tools/call","params":{"name":"search","arguments":{"query":"what is the weather","limit":10,"exact":false}}}`,
		"text":    `{"result":{"content":[{"type":"text","text":"` + strings.Repeat("The quick brown fox. ", 50_000) + `"}]},"jsonrpc":"2.0","id":1}`,
		"numbers": `{"result":[` + strings.Repeat(`{"a":12.5,"b":[1,2,3],"c":null},`, 30_000) + `0],"jsonrpc":"2.0","id":1}`,
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse([]byte(raw)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
