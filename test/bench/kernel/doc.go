// Package kernel asks the system what a process uses: its processor time, its
// memory. Only Linux tells.
package kernel
