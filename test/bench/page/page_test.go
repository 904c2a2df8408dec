package page_test

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"mcp-login/test/bench/page"
)

// What stands between the marks is replaced, again and again, and nothing else.
func TestReplace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(path, []byte("a\n<b>old<e>\nz\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := page.Replace(path, "<b>", "<e>", "new\n"); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "a\n<b>\n\nnew\n\n<e>\nz\n" {
		t.Errorf("%q %v", got, err)
	}
	for _, marks := range [][2]string{{"<x>", "<e>"}, {"<b>", "<x>"}, {"<e>", "<b>"}} {
		if page.Replace(path, marks[0], marks[1], "lost") == nil {
			t.Errorf("marks %q were found", marks)
		}
	}
	if page.Replace(path+"x", "<b>", "<e>", "") == nil {
		t.Error("a page that is not there was written")
	}
}

func TestNumber(t *testing.T) {
	for want, v := range map[string]float64{"–": math.NaN(), "0": 0, "3": 3, "1.10": 1.1, "12.5": 12.46, "124": 123.7, "-2.50": -2.5} {
		if got := page.Number(v); got != want {
			t.Errorf("%v: %s, want %s", v, got, want)
		}
	}
}
