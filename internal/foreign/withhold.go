package foreign

import (
	"cmp"
	"slices"
	"strings"
	"sync"
)

// Redacted stands where a secret would.
const Redacted = "[redacted]"

const (
	// minWithheld is the shortest value that is withheld, in bytes. A shorter one could
	// be a word of any sentence, and no token or code is that short.
	minWithheld = 12
	// maxWithheld bounds the values that are withheld: those of some fifty accounts, or
	// of days of refreshes.
	maxWithheld = 256
)

// withheld are the values of [Withhold].
var withheld struct {
	sync.Mutex
	values []string // the newest last
	redact *strings.Replacer
}

// Withhold makes [Line], [Message], [LineOf], [ShortAddress] and [LogLimit] put
// [Redacted] where value stands: a peer that quotes a request in its answer to it sends
// back the secrets in the request. A value of less than 12 bytes is not withheld. The last
// 256 values are.
func Withhold(value string) {
	if len(value) < minWithheld {
		return
	}
	withheld.Lock()
	defer withheld.Unlock()
	if at := slices.Index(withheld.values, value); at >= 0 {
		return
	}
	if len(withheld.values) == maxWithheld {
		withheld.values = slices.Delete(withheld.values, 0, 1)
	}
	withheld.values = append(withheld.values, value)
	withheld.redact = nil
}

// redact returns s without what is withheld.
func redact(s string) string {
	if len(s) < minWithheld {
		return s
	}
	withheld.Lock()
	if withheld.redact == nil { // made when it is needed: a secret is seen far more often than an error
		longest := slices.SortedFunc(slices.Values(withheld.values), func(a, b string) int { return cmp.Compare(len(b), len(a)) })
		pairs := make([]string, 0, 2*len(longest))
		for _, value := range longest {
			pairs = append(pairs, value, Redacted)
		}
		withheld.redact = strings.NewReplacer(pairs...)
	}
	r := withheld.redact
	withheld.Unlock()
	return r.Replace(s)
}
