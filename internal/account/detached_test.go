package account

import (
	"testing"
	"testing/synctest"
	"time"
)

// The last resort against a login that hangs goes by the clock that goes on while the
// machine sleeps, and by the one that nobody sets back.
func TestADetachedLoginEndsByBothClocks(t *testing.T) {
	const life = time.Hour
	for name, c := range map[string]struct{ jump, ends time.Duration }{
		"no sleep": {0, life}, "slept": {2 * time.Hour, time.Minute}, "set back": {-24 * time.Hour, life},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				clock := func() time.Time {
					if time.Since(began) > time.Minute {
						return time.Now().Round(0).Add(c.jump)
					}
					return time.Now().Round(0)
				}
				var ended time.Duration
				after(life, clock, func() { ended = time.Since(began) })
				if ended < c.ends || ended > c.ends+2*time.Second {
					t.Errorf("after %v", ended)
				}
			})
		})
	}
}
