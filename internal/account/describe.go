package account

import (
	"time"

	"mcp-login/internal/oauth"
	"mcp-login/internal/terminal"
)

// As is " as NAME" for the person that cred is of, "" where that is not known.
func As(cred oauth.Credential) string {
	if cred.Account == "" {
		return ""
	}
	return " as " + cred.Account
}

// Validity says until when cred is of use, and whether that matters.
func Validity(cred oauth.Credential, now time.Time) string {
	until := "access token without a known end"
	if !cred.Expiry.IsZero() {
		until = "access token valid for " + terminal.Approximately(cred.Expiry.Sub(now))
	}
	if cred.RefreshToken.IsZero() {
		return until + ", then you will be asked again (the provider gave no refresh token)"
	}
	return until + ", then renewed without asking"
}
