package binary

import (
	"flag"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// A Role is what a test binary does instead of testing when a program starts it, such
// as the browser of a login. args follow the role's name on the command line; the
// result is the exit code.
type Role func(args []string) int

// Main is TestMain for tests that build programs: it plays the role that the command
// line begins with, or runs the tests and removes what was built. The role of Browse
// with each of its verbs needs no name here.
func Main(m *testing.M, roles map[string]Role) {
	if args := os.Args[1:]; len(args) > 0 {
		if role := roles[args[0]]; role != nil {
			os.Exit(role(args[1:]))
		}
		if len(args) == 3 && strings.HasPrefix(args[0], "approve") {
			os.Exit(Browse(args[0], args[1], args[2]))
		}
	}
	hearHangups()
	atOnce()
	code := m.Run()
	clean()
	os.Exit(code)
}

// atOnce lets more tests run at once than there are processors, unless -parallel says
// how many: they wait for programs, which wait for each other.
func atOnce() {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		_ = flag.Set("test.parallel", strconv.Itoa(3*runtime.GOMAXPROCS(0)))
	}
}

// Self returns the path of the test binary, to be started in one of its roles.
func Self(t testing.TB) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
