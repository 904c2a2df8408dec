package dpop

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"time"
)

// nonceLife is how long one nonce is issued; it is taken for one more such time.
const nonceLife = 2 * time.Minute

// Nonces are nonces for proofs (RFC 9449, sections 8 and 9) that nobody has to
// remember: each is a MAC of the time at which it is issued. Servers with the same secret take
// each other's. A proof with one was made after it was issued, whatever the client's clock says.
type Nonces struct{ secret []byte }

// NewNonces returns nonces of a secret of at least 32 bytes; purpose separates those of
// several servers with one secret.
func NewNonces(secret []byte, purpose string) *Nonces {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("DPoP nonce\x00" + purpose))
	return &Nonces{mac.Sum(nil)}
}

// Issue returns the nonce of this time.
func (n *Nonces) Issue(now time.Time) string { return n.at(now.UnixNano() / int64(nonceLife)) }

// Taken reports whether nonce was issued in the last four minutes. The clocks of several servers
// may differ by two.
func (n *Nonces) Taken(nonce string, now time.Time) bool { return !n.Until(nonce, now).IsZero() }

// Until returns when a nonce is not taken any more; zero if it is not. That is at most six minutes from now, for
// one of a server whose clock is ahead.
func (n *Nonces) Until(nonce string, now time.Time) time.Time {
	slot := now.UnixNano() / int64(nonceLife)
	for _, s := range []int64{slot, slot - 1, slot + 1} {
		if hmac.Equal([]byte(nonce), []byte(n.at(s))) {
			return time.Unix(0, (s+2)*int64(nonceLife))
		}
	}
	return time.Time{}
}

func (n *Nonces) at(slot int64) string {
	mac := hmac.New(sha256.New, n.secret)
	mac.Write([]byte(strconv.FormatInt(slot, 10)))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}
