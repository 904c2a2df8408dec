package jsonrpc

import (
	"encoding/json"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// An edit touches the named member and no other byte.
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
		{string(Edited([]byte(`{"a":1, "b":2 ,"c":3,"b":4}`), Edit{"b", []byte("5")}, Edit{"d", []byte("6")}, Edit{Name: "a"})), `{"c":3,"b":5,"d":6}`},
		{string(Edited([]byte(`{ "a":1, "b":2 }`), Edit{Name: "a"}, Edit{Name: "b"}, Edit{"c", []byte("3")})), `{ "c":3 }`},
		{string(Edited([]byte(`{"a":1, "b":2 , "c":3 }`), Edit{Name: "b"}, Edit{Name: "c"})), `{"a":1 }`},
		{string(Edited(nil, Edit{"a", []byte("1")}, Edit{"b", []byte("2")}, Edit{"a", []byte("3")})), `{"b":2,"a":3}`},
		{string(Edited(nil, Edit{Name: "a"})), ``},
		{string(QuoteAll([]string{"a/\n", "<b>\xff"})), `["a/\n","<b>` + "\ufffd" + `"]`},
		{string(QuoteAll(nil)), `[]`},
	} {
		if c.got != c.want {
			t.Errorf("got %s, want %s", c.got, c.want)
		}
	}
}

// The bytes given in are never changed: they may be on their way elsewhere.
func TestEditsLeaveTheirInputAlone(t *testing.T) {
	raw := append(make([]byte, 0, 100), `{"a":1,"b":2}`...)
	With(raw, "a", []byte(`"longer than before"`))
	Without(raw, "a")
	if string(raw) != `{"a":1,"b":2}` {
		t.Errorf("the original became %s", raw)
	}
}

// In large texts, too, a name is found in every spelling.
func TestMemberIsFoundInLargeTexts(t *testing.T) {
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

// doubled is an object with one member many times, and two others.
func doubled(n int) []byte {
	return []byte(`{"first":1,` + strings.Repeat(`"name":{"a":1},`, n) + `"last":2}`)
}

// edits are all that edit or read an object whose members may be doubled.
var edits = map[string]func(raw []byte) int{
	"With":    func(raw []byte) int { return len(With(raw, "name", []byte("7"))) },
	"Without": func(raw []byte) int { return len(Without(raw, "name")) },
	"Edited": func(raw []byte) int {
		return len(Edited(raw, Edit{"name", []byte("7")}, Edit{Name: "first"}, Edit{"other", []byte("8")}))
	},
	"Members": func(raw []byte) (n int) {
		for range Members(raw) {
			n++
		}
		return n
	},
	"Member": func(raw []byte) int { return len(Member(raw, "name", "a")) },
}

// An object whose members are doubled costs in proportion to its length: with
// twice as many the memory that passes through an edit doubles, and does not
// become four times as much, as it does when they are cut one after the other.
func TestEditsAreLinear(t *testing.T) {
	for name, edit := range edits {
		cost := func(n int) uint64 {
			raw := doubled(n)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			edit(raw)
			runtime.ReadMemStats(&after)
			return after.TotalAlloc - before.TotalAlloc
		}
		if one, two := cost(2_000), cost(4_000); two > 3*one+64<<10 {
			t.Errorf("%s: %d bytes for 2,000 members, %d for 4,000", name, one, two)
		}
	}
}

// The time for each byte stays the same at every size.
func BenchmarkDoubledMembers(b *testing.B) {
	for _, name := range slices.Sorted(maps.Keys(edits)) {
		for _, n := range []int{1_000, 10_000, 100_000} {
			b.Run(fmt.Sprint(name, "/", n), func(b *testing.B) {
				raw := doubled(n)
				for b.Loop() {
					edits[name](raw)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(raw)), "ns/byte")
			})
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

// Several edits at once are the same as one after the other.
func FuzzEdited(f *testing.F) {
	f.Add(`{"a":{"b":[1]}, "b" : 3 ,"a":2}`, "a", "b", true)
	f.Add(`{"a":1,"b":2,"c":3}`, "b", "d", false)
	f.Fuzz(func(t *testing.T, raw, one, two string, out bool) {
		m, err := Parse([]byte(raw))
		clean1, _ := Text(Quote(one))
		clean2, _ := Text(Quote(two))
		if err != nil && !json.Valid([]byte(raw)) || clean1 == clean2 || !IsObject(m.Raw) {
			return
		}
		first := Edit{clean1, []byte("7")}
		var want []byte
		if out {
			first.Value = nil
			want = With(Without(m.Raw, clean1), clean2, []byte("8"))
		} else {
			want = With(With(m.Raw, clean1, []byte("7")), clean2, []byte("8"))
		}
		got := Edited(m.Raw, first, Edit{clean2, []byte("8")})
		if !json.Valid(got) || string(WithoutBreaks(got)) != string(WithoutBreaks(want)) {
			t.Fatalf("%q became %q, want %q", raw, got, want)
		}
	})
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

// Half a million elements of one byte take no list of half a million parts, neither to
// be looked at nor to be left out.
func TestSmallElementsTakeNoRoom(t *testing.T) {
	raw := []byte("[" + strings.Repeat("0,", 500_000) + "1]")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	n := 0
	for range Elements(raw) {
		n++
	}
	left := EditElements(raw, func(element []byte) []byte {
		if element[0] == '0' {
			return nil
		}
		return element
	})
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; n != 500_001 || string(left) != "[1]" || took > 8*uint64(len(raw)) {
		t.Errorf("%d elements, %s left, %d bytes for %d", n, left, took, len(raw))
	}
}

func TestEditElementsChangesOnlyWhatItIsTold(t *testing.T) {
	upper := func(element []byte) []byte {
		switch string(element) {
		case "1":
			return nil
		case "2":
			return []byte(`"two"`)
		}
		return element
	}
	for in, want := range map[string]string{
		`[3, 4 ]`:        `[3, 4 ]`,
		`[3, 1,4]`:       `[3,4]`,
		`[1]`:            `[]`,
		`[1,1, 2 ,{},1]`: `["two",{}]`,
		`[3,2]`:          `[3,"two"]`,
		`[]`:             `[]`,
		`{"a":1}`:        `{"a":1}`,
		``:               ``,
	} {
		if got := EditElements([]byte(in), upper); string(got) != want {
			t.Errorf("%s became %s, want %s", in, got, want)
		}
	}
}
