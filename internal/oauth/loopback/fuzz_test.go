package loopback

import (
	"net/url"
	"testing"
)

// Only a query with exactly one state, the expected
// one, and with a code or an error is taken, and only once; any other leaves
// the wait as it was.
func FuzzCallbackQuery(f *testing.F) {
	for _, s := range []string{
		"code=c&state=right", "error=access_denied&state=right", "state=right", "code=c", "code=c&state=", "code=c&state=wrong", "code=c&state=right&state=right",
		"code=c&state=right&state=wrong", "code=c&State=right", "code=c&state=right%00", "code=c&state=righ%74", "code=&error=&state=right", "code=c;state=right", "code=c&state=right&x=%zz", "%73tate=right&code=c",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		query, err := url.ParseQuery(raw)
		if err != nil {
			return // answered with 400 before it comes here
		}
		l := &Listener{state: "right", arrived: make(chan answer, 1)}
		states := query["state"]
		fits := len(states) == 1 && states[0] == "right" && (query.Get("code") != "" || query.Get("error") != "")
		if got := l.claim(answer{query: query}); got != fits || len(l.arrived) == 1 != fits {
			t.Errorf("%q: taken %v, handed on %d", raw, got, len(l.arrived))
		}
		right := answer{query: url.Values{"state": {"right"}, "code": {"c"}}}
		if got := l.claim(right); got == fits {
			t.Errorf("after %q the right answer: %v", raw, got)
		}
		if l.claim(right) {
			t.Error("a state was spent twice")
		}
	})
}
