package bearer

import (
	"crypto/sha256"
	"net/http"
	"sync"
	"time"
)

// maxProofs are remembered at a time, half of them of one user: at two minutes each 2,000 calls a
// second. To forget one before its time would let it be used again, so beyond that is 503.
const maxProofs = 1 << 18

var errTooManyProofs = &problem{
	status: http.StatusServiceUnavailable, code: "temporarily_unavailable",
	text: "There are too many requests with DPoP proofs. Try again.",
}

// takenProofs are the proofs that were taken, each until it could not be taken any more.
type takenProofs struct {
	users *quota

	mu    sync.Mutex
	seen  map[[sha256.Size]byte]struct{}
	ends  map[int64][]takenProof // by the second in which it ends
	swept int64
}

type takenProof struct {
	key  [sha256.Size]byte
	user string
}

func newTakenProofs() *takenProofs {
	return &takenProofs{
		users: newQuota(maxProofs, maxProofs/2),
		seen:  make(map[[sha256.Size]byte]struct{}), ends: make(map[int64][]takenProof),
	}
}

// take keeps a proof until then, and reports whether it was not there.
func (t *takenProofs) take(key [sha256.Size]byte, user string, now, until time.Time) (first bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sweep(now.Unix())
	if _, had := t.seen[key]; had {
		return false, nil
	}
	if !t.users.acquire(user) {
		return false, errTooManyProofs
	}
	t.seen[key] = struct{}{}
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
			t.users.release(one.user)
		}
		delete(t.ends, end)
	}
}
