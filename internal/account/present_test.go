package account

import (
	"testing"
	"time"

	"mcp-login/internal/terminal"
)

// However short the time is, the person is told a time.
func TestTimeLeftIsNeverNone(t *testing.T) {
	for left, want := range map[time.Duration]string{
		10*time.Minute - 2*time.Second: "10 min", time.Minute - time.Millisecond: "1 min", 59 * time.Second: "59 s", 15*time.Second - time.Millisecond: "15 s",
		time.Second: "1 s", time.Millisecond: "1 s", 0: "1 s", -time.Second: "1 s", 90 * time.Minute: "1 h",
	} {
		if got := terminal.Approximately(rounded(left)); got != want {
			t.Errorf("%s: %s, want %s", left, got, want)
		}
	}
}
