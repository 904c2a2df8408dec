package main

import "mcp-login/internal/pace"

// With known tokens some four megabytes are in use, and Go's own pace starts the
// collector when twice that is reached. What many open streams or remembered
// tokens take is collected twice as often: it costs them little, and keeps the
// process small. Measured: docs/performance.md.
var heapPace = pace.Rule{Little: 8 << 20, Small: 100, Large: 50}
