package foreign_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"mcp-login/internal/foreign"
)

// A hostile or careless document is refused, not half-read.
func TestObjectIsParsedStrictly(t *testing.T) {
	for _, doc := range []string{`{"issuer":"a","issuer":"b"}`, `[]`, `{`, `null`, `"x"`, ``, `{"a":1} {"b":2}`, strings.Repeat(`{"a":`, 20_000)} {
		if _, err := foreign.ParseObject([]byte(doc)); !errors.Is(err, foreign.ErrNoObject) {
			t.Errorf("%.40s: %v", doc, err)
		}
	}
	o, err := foreign.ParseObject([]byte(`{"Issuer":"https://evil.example","unknown":{"a":[1]}}`))
	if err != nil || o.Text("issuer") != "" || o.Has("issuer") {
		t.Errorf("another case of the name counts: %q, %v", o.Text("issuer"), err)
	}
}

// Members are read as what they plainly mean, whatever their type, and a fault is
// kept of what means nothing.
func TestObjectMembersAreReadLeniently(t *testing.T) {
	o, err := foreign.ParseObject([]byte(`{"s":"x","n":7,"list":["a",1,null,"b"],"words":"a, b","t":"true","f":false,"null":null,"seconds":"60","bad":{"a":1}}`))
	if err != nil {
		t.Fatal(err)
	}
	if o.Text("s") != "x" || o.Text("n") != "7" || !slices.Equal(o.List("list"), []string{"a", "b"}) || !slices.Equal(o.List("words"), []string{"a", "b"}) || !o.Flag("t") || o.Flag("f") || o.Has("null") {
		t.Errorf("%+v", o)
	}
	if seconds, ok := o.Seconds("seconds"); !ok || seconds != 60 || len(o.Faults) != 0 {
		t.Errorf("%v, faults %v", seconds, o.Faults)
	}
	if _, ok := o.Seconds("s"); ok || o.Text("bad") != "" || o.Flag("bad") || o.List("bad") != nil || o.Faults["bad"] == nil {
		t.Errorf("an object is read as something else: %v", o.Faults)
	}
}
