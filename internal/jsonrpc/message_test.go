package jsonrpc

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
)

// What each line is, and that ids keep their bytes.
func TestParseTellsKindsApartAndKeepsIDs(t *testing.T) {
	long := `"` + strings.Repeat("x", 10_000) + `"`
	cases := []struct {
		raw    string
		kind   Kind
		id     string
		method string
		err    error
	}{
		{`{"jsonrpc":"2.0","id":1,"method":"ping"}`, Request, "1", "ping", nil},
		{`{"id":9007199254740993,"method":"m"}`, Request, "9007199254740993", "m", nil},
		{`{"id":123456789012345678901234567890,"method":"m"}`, Request, "123456789012345678901234567890", "m", nil},
		{`{"id":1.0,"method":"m"}`, Request, "1.0", "m", nil},
		{`{"id":-1e5,"method":"m"}`, Request, "-1e5", "m", nil},
		{`{"id":"","method":"m"}`, Request, `""`, "m", nil},
		{`{"id":` + long + `,"method":"m"}`, Request, long, "m", nil},
		{`{"method":"m\u0061"}`, Notification, "", "ma", nil},
		{`{"id":1,"result":null}`, Response, "1", "", nil},
		{`{"id":null,"error":{"code":1}}`, Response, "null", "", nil},
		{`{"id":1,"error":{"code":1}}`, Response, "1", "", nil},
		{` [ {"id":1} ] `, Batch, "", "", nil},
		{`{"id":1,"id":2,"method":"a","method":"b"}`, Request, "2", "b", nil},
		{`{"id":null,"method":"m"}`, Invalid, "", "m", ErrInvalid},
		{`{"id":true,"method":"m"}`, Invalid, "", "m", ErrInvalid},
		{`{"id":{},"method":"m"}`, Invalid, "", "m", ErrInvalid},
		{`{"id":null,"result":1}`, Invalid, "", "", ErrInvalid},
		{`{"id":1}`, Invalid, "1", "", ErrInvalid},
		{`{"ID":1,"Method":"m"}`, Invalid, "", "", ErrInvalid},
		{`{}`, Invalid, "", "", ErrInvalid},
		{`"x"`, Invalid, "", "", ErrInvalid},
		{`1`, Invalid, "", "", ErrInvalid},
		{``, Invalid, "", "", ErrSyntax},
		{`{`, Invalid, "", "", ErrSyntax},
		{"{}\f", Invalid, "", "", ErrSyntax},
		{"\u00a0{}", Invalid, "", "", ErrSyntax},
		{`{"id":1,"method":"m"} {}`, Invalid, "", "", ErrSyntax},
		{`{"id":1,"method":"m",}`, Invalid, "", "", ErrSyntax},
		{`{"id":01,"method":"m"}`, Invalid, "", "", ErrSyntax},
		{`{"id":1,"method":"a` + "\n" + `b"}`, Invalid, "", "", ErrSyntax},
		{`[1,`, Invalid, "", "", ErrSyntax},
		{`hello`, Invalid, "", "", ErrSyntax},
		{`{"id":1,"method":"m","params":` + strings.Repeat("[", 20_000), Invalid, "", "", ErrSyntax},
	}
	for _, tc := range cases {
		m, err := Parse([]byte(tc.raw))
		if !errors.Is(err, tc.err) || m.Kind != tc.kind && err == nil || string(m.ID) != tc.id || m.Method != tc.method {
			t.Errorf("%.60s: kind %d id %.40q method %q err %v", tc.raw, m.Kind, m.ID, m.Method, err)
		}
	}
}

// The parts are the very bytes of the line.
func TestPartsAliasRaw(t *testing.T) {
	raw := []byte(`{"method":"tools/call" , "params" : {"name":"a\u0062","n":1.0,"x":{"y":[1e400]},"x":{"y":"last"}},"id" : 7}`)
	m, err := Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	if string(m.Params) != `{"name":"a\u0062","n":1.0,"x":{"y":[1e400]},"x":{"y":"last"}}` || string(m.Param("n")) != "1.0" || string(m.Param("x", "y")) != `"last"` || m.Param("no") != nil || m.Param("n", "deeper") != nil {
		t.Errorf("params %s", m.Params)
	}
	if name, ok := Text(m.Param("name")); !ok || name != "ab" {
		t.Errorf("name %q", name)
	}
	if &m.Params[0] != &raw[bytes.Index(raw, m.Params)] {
		t.Error("params were copied")
	}
	if cap(m.ID) != len(m.ID) {
		t.Error("appending to a part would write into the message")
	}
}

func TestKeyIsTheSameForTheSameID(t *testing.T) {
	same := [][2]string{
		{`"a"`, `"\u0061"`},
		{`1`, `1`},
		{`1`, `1.0`},
		{`100`, `1e2`},
		{`100`, `1.00E+2`},
		{`0`, `-0`},
		{`0`, `0.0e7`},
		{`-5`, `-50e-1`},
		{`0.5`, `5e-1`},
		{`9007199254740993`, `9007199254740993.0`},
		{`1e400`, `10e399`},
	}
	other := [][2]string{
		{`1`, `"1"`},
		{`9007199254740993`, `9007199254740992.0`},
		{`9007199254740993`, `9007199254740992`},
		{`""`, `0`},
		{`1`, `-1`},
		{`1`, `1.5`},
		{`1e400`, `1e401`},
		{`1e99999999999999999999`, `1e99999999999999999998`},
		{`10`, `1`},
	}
	for _, p := range same {
		if Key([]byte(p[0])) != Key([]byte(p[1])) {
			t.Errorf("%v differ", p)
		}
	}
	for _, p := range other {
		if Key([]byte(p[0])) == Key([]byte(p[1])) {
			t.Errorf("%v are the same", p)
		}
	}
}

// One line, and no byte of a string or number touched.
func TestLineBreaksBetweenTokensAreRemoved(t *testing.T) {
	in := "\r\n{\n  \"a\": \"x\\ny\u2028\",\r\n\t\"n\": 1.0\n}\n"
	want := "{  \"a\": \"x\\ny\u2028\",\t\"n\": 1.0}"
	if got := squeeze([]byte(in)); string(got) != want {
		t.Errorf("%q", got)
	}
}

func TestElementsKeepTheirBytes(t *testing.T) {
	got := slices.Collect(Elements([]byte(` [ {"id":1.0} , 2 ,[3]] `)))
	if len(got) != 3 || string(got[0]) != `{"id":1.0}` || string(got[2]) != "[3]" || slices.Collect(Elements([]byte("{}"))) != nil {
		t.Errorf("%q", got)
	}
}

func TestErrorResponseIsOneValidLine(t *testing.T) {
	got := ErrorResponse([]byte("1.0"), 5, "a\n\"b\" \xff", map[string]string{"hint": "h"})
	if bytes.ContainsAny(got, "\n\r") || !stdjson.Valid(got) || !bytes.Contains(got, []byte(`"id":1.0`)) {
		t.Errorf("%s", got)
	}
	if got := string(Result([]byte(`"a"`), `{}`)); got != `{"jsonrpc":"2.0","id":"a","result":{}}` {
		t.Errorf("%s", got)
	}
	if got := string(ErrorResponse(nil, -32700, "m", nil)); got != `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"m"}}` {
		t.Errorf("%s", got)
	}
}

// Whatever arrives: no panic, agreement with encoding/json about syntax, and
// every part inside the message.
func FuzzParse(f *testing.F) {
	for _, s := range []string{`{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":[1,{"b":null}]}}`, `{"id":"\ud800","method":"\u0000"}`, `[{}]`, `{"a":1,"a":2,"id":1e9,"result":{}}`, "\xff", `{"id":1,"error":{}}  `} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		before := bytes.Clone(raw)
		m, err := Parse(raw)
		if !bytes.Equal(before, raw) {
			t.Fatal("the message was changed")
		}
		if valid := stdjson.Valid(raw); valid == errors.Is(err, ErrSyntax) && len(raw) < 9000 {
			t.Fatalf("valid %v, err %v: %q", valid, err, raw)
		}
		for _, part := range [][]byte{m.ID, m.Params, m.Result, m.Error} {
			if part != nil && (!bytes.Contains(m.Raw, part) || !stdjson.Valid(part)) {
				t.Fatalf("part %q of %q", part, m.Raw)
			}
		}
		m.Param("a", "b")
		Key(m.ID)
		if err == nil {
			if again, err := Parse(squeeze(raw)); err != nil || again.Kind != m.Kind {
				t.Fatalf("squeezed: %v", err)
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	small := []byte(`{"jsonrpc":"2.0","id":12,"method":"tools/call","params":{"name":"echo","arguments":{"text":"hello"}}}`)
	large := []byte(`{"jsonrpc":"2.0","id":12,"result":{"content":[{"type":"text","text":"` + strings.Repeat("lorem ipsum ", 90_000) + `"}]}}`)
	for name, raw := range map[string][]byte{"small": small, "1MiB": large} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A text is what its string stands for, with escapes and without; what is no JSON string is
// none.
func TestTextIsWhatItsStringStandsFor(t *testing.T) {
	for raw, want := range map[string]string{
		`""`: "", `"a b"`: "a b", `"schlüssel 鍵"`: "schlüssel 鍵", `"a\nb\u00e9\/"`: "a\nbé/", "\"a\x7f\"": "a\x7f", "\"\xff\"": "\ufffd", `"\ud800"`: "\ufffd",
		``: "-", `"`: "-", `"a`: "-", `7`: "-", `{}`: "-", `"a"b"`: "-", "\"a\tb\"": "-", `"a\x"`: "-",
	} {
		got, ok := Text([]byte(raw))
		if ok != (want != "-") || ok && got != want {
			t.Errorf("%q: %q, %v", raw, got, ok)
		}
	}
}
