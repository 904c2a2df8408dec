// Package page looks at whoami-server's page for people in a real Chromium: light
// and dark, with and without JavaScript.
package page
