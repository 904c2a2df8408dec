package build

import (
	"go/version"
	"runtime"
	"strings"
)

// Fixed is the first release without a known vulnerability; CI and releases build
// with it or a newer one. It is also the toolchain line of go.mod.
const Fixed = "go1.26.9"

// Outdated says, for people, that the Go which built this program has a known
// vulnerability; "" when it has none.
func Outdated() string { return outdated(runtime.Version()) }

func outdated(built string) string {
	release, _, _ := strings.Cut(built, " ") // experiments follow
	if !version.IsValid(release) || version.Compare(release, Fixed) >= 0 {
		return "" // a newer one, or one of somebody's own, of which nothing is known
	}
	return "built with " + release + ", which has a known vulnerability"
}

// Rebuilt says how to get this program, which lies at a path, built by a Go without a known
// vulnerability. Who has not built it updates it.
func (c Channel) Rebuilt(path string) string {
	if c == Source || c == Go {
		return "build it with " + Fixed + " or newer"
	}
	return "to update it: " + c.Upgrade(path)
}
