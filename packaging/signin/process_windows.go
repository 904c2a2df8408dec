//go:build windows

package main

import "os/exec"

// endTogether does nothing: what is left behind holds up nobody.
func endTogether(*exec.Cmd) {}
