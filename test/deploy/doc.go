// Package deploy checks what is in deploy/ against the real whoami-server: every
// flag and variable it names exists, its configuration is accepted, what one file
// says of another is true, and the program runs where its image puts it, in an
// empty root as nobody. A real Prometheus shows that each alert fires and each panel of
// the dashboard has something to show.
package deploy
