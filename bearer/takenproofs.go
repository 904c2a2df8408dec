package bearer

import (
	"crypto/sha256"
	"net/http"
	"sync"
	"time"
)

const (
	// maxProofs are remembered at a time, 24 MiB of them. To forget one before its time would let it be
	// used again, so beyond that is 503. Kept for a minute, that is 4,000 calls a second, and 1,000 with
	// nonces, for which it is four at most.
	maxProofs = 1 << 18
	// maxProofsEach are those of one user, so that it takes as many who may call to shut out others.
	maxProofsEach = maxProofs / 32
)

var errTooManyProofs = &problem{
	status: http.StatusServiceUnavailable, code: "temporarily_unavailable",
	text: "There are too many requests with DPoP proofs. Try again.",
}

// sum stands for a proof, or for a user, whose name may be long: the half of a SHA-256, for which
// nobody finds another proof of the same.
type sum [sha256.Size / 2]byte

// takenProofs are the proofs that were taken, each until it could not be taken any more.
type takenProofs struct {
	mu    sync.Mutex
	seen  map[sum]struct{}
	each  map[sum]int            // by user
	ends  map[int64][]takenProof // by the second in which it ends
	swept int64
}

type takenProof struct{ key, user sum }

func newTakenProofs() *takenProofs {
	return &takenProofs{seen: make(map[sum]struct{}), each: make(map[sum]int), ends: make(map[int64][]takenProof)}
}

// has reports whether a proof was taken.
func (t *takenProofs) has(key sum) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, had := t.seen[key]
	return had
}

// take keeps a proof until then, and reports whether it was not there.
func (t *takenProofs) take(key, user sum, now, until time.Time) (first bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sweep(now.Unix())
	if _, had := t.seen[key]; had {
		return false, nil
	}
	if len(t.seen) >= maxProofs || t.each[user] >= maxProofsEach {
		return false, errTooManyProofs
	}
	t.seen[key] = struct{}{}
	t.each[user]++
	end := until.Unix() + 1
	t.ends[end] = append(t.ends[end], takenProof{key, user})
	return true, nil
}

// sweep forgets what has ended, once a second.
func (t *takenProofs) sweep(now int64) {
	if now == t.swept {
		return
	}
	t.swept = now
	for end, all := range t.ends {
		if end >= now {
			continue
		}
		for _, one := range all {
			delete(t.seen, one.key)
			if t.each[one.user]--; t.each[one.user] == 0 {
				delete(t.each, one.user)
			}
		}
		delete(t.ends, end)
	}
}
