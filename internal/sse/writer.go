package sse

import (
	"bytes"
	"strconv"
)

// Append adds one event to dst, data split into lines as it must be, and ends
// it with a blank line. Type, id and retry are left out when they are empty.
func Append(dst []byte, e Event) []byte {
	if e.Type != "" && e.Type != DefaultType {
		dst = append(append(append(dst, "event: "...), e.Type...), '\n')
	}
	if e.LastID != "" {
		dst = append(append(append(dst, "id: "...), e.LastID...), '\n')
	}
	if e.HasRetry {
		dst = append(append(append(dst, "retry: "...), strconv.FormatInt(e.Retry.Milliseconds(), 10)...), '\n')
	}
	if e.HasData || len(e.Data) > 0 {
		for line := range bytes.SplitSeq(e.Data, []byte("\n")) {
			dst = append(append(append(dst, "data: "...), line...), '\n')
		}
	}
	return append(dst, '\n')
}
