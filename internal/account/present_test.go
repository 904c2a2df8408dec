package account

import (
	"bytes"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"

	"mcp-login/internal/oauth"
	"mcp-login/internal/terminal"
)

// A code is for any device, with a QR code to get there; where only this machine reaches the
// provider neither is said.
func TestAnAddressOfThisMachineIsForNoOtherDevice(t *testing.T) {
	for issuer, here := range map[string]bool{
		"https://id.example": false, "https://localhost.example": false, "https://192.0.2.7": false,
		"http://127.0.0.1:3002": true, "http://localhost:3002": true, "http://[::1]:3002": true, "https://id.localhost": true,
	} {
		var said bytes.Buffer
		a := &Account{Config: Config{
			Choice:   Choice{Server: &url.URL{Scheme: "https", Host: "mcp.example"}},
			Terminal: terminal.New(terminal.Config{Out: io.Discard, Err: &said, ErrIsTerminal: true}),
		}}
		a.printPrompt(t.Context(), oauth.Prompt{
			Issuer: issuer, URL: issuer + "/device", UserCode: "ABCD-EFGH", CompleteURL: issuer + "/device?user_code=ABCD-EFGH",
			Deadline: time.Now().Add(time.Minute),
		})
		text := said.String()
		if !strings.Contains(text, "\n"+issuer+"/device\n") || !strings.Contains(text, "\nABCD-EFGH\n") {
			t.Errorf("%s: no address, or no code, on a line of its own:\n%s", issuer, text)
		}
		if strings.Contains(text, "this machine") != here || strings.Contains(text, "any device") == here || strings.Contains(text, "█") == here {
			t.Errorf("%s: here %v, but:\n%s", issuer, here, text)
		}
	}
}
