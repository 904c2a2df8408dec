package jsonrpc

import (
	"encoding/json"
	"strings"
	"testing"
)

// Promise 1: an edit touches the named member and no other byte.
func TestEditsTouchOneMember(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{string(With([]byte(`{"id":1.0, "a" : [1, 2],"z":"\u0041"}`), "id", []byte(`"x"`))), `{"id":"x", "a" : [1, 2],"z":"\u0041"}`},
		{string(With([]byte(`{"a":1}`), "b", []byte(`{}`))), `{"a":1,"b":{}}`},
		{string(With([]byte(`{ }`), "b", []byte(`2`))), `{"b":2 }`},
		{string(With(nil, "b", []byte(`2`))), `{"b":2}`},
		{string(With([]byte(`{"a":1,"b":2,"a":3}`), "a", []byte(`4`))), `{"b":2,"a":4}`},
		{string(Without([]byte(`{"a":1,"b":2,"c":3}`), "b")), `{"a":1,"c":3}`},
		{string(Without([]byte(`{"a":1,"b":2}`), "b")), `{"a":1}`},
		{string(Without([]byte(`{"a":1}`), "a")), `{}`},
		{string(Without([]byte(`{"a":1,"\u0061":2}`), "a")), `{}`},
		{string(Without([]byte(`[1]`), "a")), `[1]`},
		{string(Array([][]byte{[]byte(`1`), []byte(`"b"`)})), `[1,"b"]`},
	} {
		if c.got != c.want {
			t.Errorf("got %s, want %s", c.got, c.want)
		}
	}
}

// The bytes given in are never changed: they may be on their way elsewhere.
func TestEditsCopy(t *testing.T) {
	raw := append(make([]byte, 0, 100), `{"a":1,"b":2}`...)
	With(raw, "a", []byte(`"longer than before"`))
	Without(raw, "a")
	if string(raw) != `{"a":1,"b":2}` {
		t.Errorf("the original became %s", raw)
	}
}

// Row 40: in large texts, too, a name is found in every spelling.
func TestMemberInLargeText(t *testing.T) {
	fill := `"fill":"` + strings.Repeat("x", 8<<10) + `",`
	for _, c := range []struct{ raw, name, want string }{
		{`{` + fill + `"a/b":1}`, "a/b", "1"},
		{`{` + fill + `"a\/b":1}`, "a/b", "1"},
		{`{` + fill + `"\u0061/b":1}`, "a/b", "1"},
		{`{` + fill + `"q\"\n":1}`, "q\"\n", "1"},
		{`{` + fill + `"c":"a/b"}`, "a/b", ""},
		{`{` + fill + `"c":1}`, "a/b", ""},
	} {
		if got := string(Member([]byte(c.raw), c.name)); got != c.want {
			t.Errorf("%q in …%s: %q", c.name, c.raw[len(c.raw)-20:], got)
		}
	}
}

func BenchmarkParamNotThere(b *testing.B) {
	m, err := Parse([]byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{"data":"` + strings.Repeat("QUJD", 1<<20) + `"}}}`))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(m.Raw)))
	for b.Loop() {
		if m.Param("_meta", "io.modelcontextprotocol/protocolVersion") != nil {
			b.Fatal("found")
		}
	}
}

// A valid object stays valid, whatever is set in it, and has the new value.
func FuzzWith(f *testing.F) {
	f.Add(`{"a":{"b":[1]},"a":2}`, "a")
	f.Add(`{}`, "\n\"")
	f.Add(`[]`, "x")
	f.Fuzz(func(t *testing.T, raw, name string) {
		if !json.Valid([]byte(raw)) {
			return
		}
		trimmed, err := Parse([]byte(raw))
		if err != nil && trimmed.Raw == nil {
			return
		}
		out := With(trimmed.Raw, name, []byte(`7`))
		if !json.Valid(out) {
			t.Fatalf("%q became %q", raw, out)
		}
		clean, _ := Text(Quote(name))
		if got := Member(out, clean); string(got) != "7" {
			t.Fatalf("%q: member %q of %q is %q", raw, clean, out, got)
		}
		if gone := Without(out, clean); !json.Valid(gone) || Member(gone, clean) != nil {
			t.Fatalf("%q is still in %q", clean, gone)
		}
	})
}
