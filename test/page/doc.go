// Package page looks at whoami-server's page for people, and at the sign-in page of
// devidp, in a real Chromium: light and dark, with and without JavaScript. The page that
// mcp-login shows after a sign-in is looked at in test/interop.
package page
