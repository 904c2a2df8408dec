package hints

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Every hint that the programs can print stands in one of the tables: in that of rows,
// which are run here, or in that of tests elsewhere. What is in neither, and is not
// owed, is new: write the test that shows that it is true.
func TestEveryHintIsRun(t *testing.T) {
	here := map[string]bool{}
	for _, r := range rows() {
		here[r.hint] = true
	}
	said := map[string]bool{}
	for _, h := range find(t) {
		said[h.text] = true
		reference, there := elsewhere[h.text]
		switch {
		case here[h.text]:
		case there:
			if !stands(t, reference) {
				t.Errorf("%s: there is no %q", h.at, reference)
			}
		case !slices.Contains(owed, h.text):
			t.Errorf("%s: no test runs the hint %q", h.at, h.text)
		}
	}
	for _, r := range rows() {
		if !said[r.hint] {
			t.Errorf("nothing says %q any more", r.hint)
		}
	}
	for hint := range elsewhere {
		if !said[hint] || here[hint] {
			t.Errorf("nothing says %q any more, or a row runs it", hint)
		}
	}
	for _, hint := range owed {
		if _, there := elsewhere[hint]; !said[hint] || here[hint] || there {
			t.Errorf("not owed any more: %q", hint)
		}
	}
}

// stands reports whether a test stands where it is said to: folder, a colon, and the
// name of a function or of a row of its table.
func stands(t *testing.T, reference string) bool {
	t.Helper()
	folder, name, _ := strings.Cut(reference, ": ")
	files, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(folder), "*_test.go"))
	if err != nil || len(files) == 0 {
		return false
	}
	return slices.ContainsFunc(files, func(file string) bool {
		text, err := os.ReadFile(file)
		return err == nil && (strings.Contains(string(text), "func "+name+"(") || strings.Contains(string(text), `"`+name+`"`))
	})
}
