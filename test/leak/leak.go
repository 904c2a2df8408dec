package leak

import (
	"testing"

	"go.uber.org/goleak"
)

// Main is TestMain: it runs the tests and exits. Further goroutines to pass over, those
// of libraries that never end them, are named by options.
//
// net/http keeps a connection for half a second after it has answered a request whose
// body it did not read (closeWriteAndWait). Nobody can end that wait, and goleak
// gives up sooner.
func Main(m *testing.M, options ...goleak.Option) {
	goleak.VerifyTestMain(m, append(options, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))...)
}
