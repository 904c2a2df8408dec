package cli

import (
	"time"

	"mcp-login/internal/pace"
)

// While little is in use, the collector is left to run half as often as usual:
// with some two megabytes in use, as while short calls are relayed, Go starts it
// at four, dozens of times a second, and here at six. What large messages need
// is collected as usual, so that they have no larger peak. Measured in pairs:
// docs/performance.md.
var heapPace = pace.Rule{Little: 4 << 20, Small: 150, Large: 100}

// afterStart is when it begins: it stops the world, and a start has better to do.
const afterStart = 200 * time.Millisecond
