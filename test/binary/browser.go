package binary

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"

	"mcp-login/internal/devidp"
)

// Browse is a test binary in the role of the browser: at devidp it signs user in,
// "" for who is signed in already, and approves what address asks for, a device
// code if verb is approve-device. It returns the exit code.
func Browse(verb, user, address string) int {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	play := devidp.Approve
	switch verb {
	case "approve-device":
		play = devidp.ApproveDevice
	case "approve-cancel":
		play = func(ctx context.Context, c *http.Client, address, _ string) (devidp.Outcome, error) {
			return devidp.Cancel(ctx, c, address)
		}
	}
	if _, err := play(ctx, http.DefaultClient, address, user); err != nil {
		fmt.Fprintln(os.Stderr, "browser:", err)
		return 1
	}
	return 0
}
