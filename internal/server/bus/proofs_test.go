package bus

import (
	"crypto/sha256"
	"testing"
	"time"

	"mcp-login/test/binary"
	"mcp-login/test/real"
)

// What one has remembered all know until it is over, and no other resource; and a command that
// arrives once more, after the connection broke before Redis had confirmed, knows its own value.
func TestRememberIsForAllReplicasOnce(t *testing.T) {
	service := real.Redis(t)
	a, b, other := dial(t, service), dial(t, service), dialFor(t, service, someResource+"/other")
	what, until := sha256.Sum256([]byte("proof")), time.Now().Add(time.Minute)
	for k, want := range []bool{true, false, false, true} {
		if first, err := []*Redis{a, a, b, other}[k].Remember(t.Context(), what, until); err != nil || first != want {
			t.Errorf("%d: %t, %v", k, first, err)
		}
	}
	for k, tt := range []struct {
		value string
		want  int
	}{{"mine", 1}, {"mine", 1}, {"another's", 0}, {"mine", 1}} {
		if n, err := rememberScript.Run(t.Context(), a.client, []string{a.space + "once:x"}, tt.value, 60_000).Int(); err != nil || n != tt.want {
			t.Errorf("%d: %s: %d, %v", k, tt.value, n, err)
		}
	}
	short := sha256.Sum256([]byte("over soon"))
	if first, err := a.Remember(t.Context(), short, time.Now()); err != nil || !first {
		t.Error(first, err)
	}
	binary.Until(t, "it to be over", func() bool {
		first, err := b.Remember(t.Context(), short, time.Now().Add(time.Minute))
		return err == nil && first
	})
}
