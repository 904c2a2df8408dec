package page

import (
	"fmt"
	"os"
	"strings"
)

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
