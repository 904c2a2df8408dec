package page

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
)

// Number spells a figure with about three digits, and one that is not there as a
// dash.
func Number(v float64) string {
	switch {
	case math.IsNaN(v):
		return "–"
	case v >= 100 || v == math.Trunc(v):
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// Replace puts text between the marks begin and end of the file at path. The rest
// stays as it is; without both marks nothing is changed, and the error names them.
func Replace(path, begin, end, text string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the page: %w", err)
	}
	head, rest, ok := strings.Cut(string(b), begin)
	_, foot, found := strings.Cut(rest, end)
	if !ok || !found {
		return fmt.Errorf("%s has no marks %q and %q", path, begin, end)
	}
	if err := os.WriteFile(path, []byte(head+begin+"\n\n"+text+"\n"+end+foot), 0o644); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}
