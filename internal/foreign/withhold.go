package foreign

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// Redacted stands where a secret would.
const Redacted = "[redacted]"

// minWithheld is the shortest value that is withheld, in bytes: a shorter one could be a
// word of any sentence.
const minWithheld = 12

// withheld counts who withholds a value.
var withheld struct {
	sync.Mutex
	values map[string]int
	redact *strings.Replacer // nil when the values have changed
}

// Withhold keeps a secret out of what [Quote] returns until release is called, which may
// be never. A value of less than 12 bytes is not withheld.
func Withhold(value string) (release func()) {
	if len(value) < minWithheld {
		return func() {}
	}
	count(value, 1)
	return sync.OnceFunc(func() { count(value, -1) })
}

func count(value string, by int) {
	withheld.Lock()
	defer withheld.Unlock()
	if withheld.values == nil {
		withheld.values = map[string]int{}
	}
	if withheld.values[value] += by; withheld.values[value] == 0 {
		delete(withheld.values, value)
	}
	withheld.redact = nil
}

// Quote returns what a peer says, as [Line] does, with [Redacted] for the secrets in it:
// many an answer quotes the request that it refuses. It is for a peer's words alone. In a
// sentence of ours a peer could choose what is left out, by giving it to us as a secret.
func Quote(s string) string {
	if len(s) < minWithheld {
		return Line(s)
	}
	withheld.Lock()
	if withheld.redact == nil { // made when it is needed: there are many more secrets than errors
		withheld.redact = replacer(slices.Collect(maps.Keys(withheld.values)))
	}
	r := withheld.redact
	withheld.Unlock()
	return Line(r.Replace(s))
}

// replacer redacts values, also in the spelling of a form and of JSON with escaped
// slashes. The longest come first: one may begin with another.
func replacer(values []string) *strings.Replacer {
	var spellings, pairs []string
	for _, value := range values {
		spellings = append(spellings, value, url.QueryEscape(value), strings.ReplaceAll(value, "/", `\/`))
	}
	slices.SortFunc(spellings, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	for _, spelling := range spellings {
		pairs = append(pairs, spelling, Redacted)
	}
	return strings.NewReplacer(pairs...)
}
