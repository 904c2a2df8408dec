package cli

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// byteSize is a flag with a number of bytes, as 64MiB or 1000000.
type byteSize int64

// units are the suffixes, the longest first.
var units = []struct {
	name  string
	bytes int64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}}

// Set implements pflag.Value.
func (b *byteSize) Set(text string) error {
	number, factor := strings.TrimSpace(text), int64(1)
	for _, u := range units {
		if rest, ok := strings.CutSuffix(number, u.name); ok {
			number, factor = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/2/factor {
		return fmt.Errorf("%q is no size; write it as 64MiB, 500kB or 1000000", text)
	}
	*b = byteSize(n * factor)
	return nil
}

// String implements pflag.Value.
func (b *byteSize) String() string {
	for _, u := range units[:3] {
		if n := int64(*b); n > 0 && n%u.bytes == 0 && n/u.bytes < 1024 {
			return strconv.FormatInt(n/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(*b), 10)
}

// Type implements pflag.Value: what stands behind the flag in the help.
func (b *byteSize) Type() string { return "size" }
