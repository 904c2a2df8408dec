package test

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// docs/evidence/mcp-auth-parity.md names tests that exist, gives every row a test or a
// reason, and has as many rows as its headings say.
func TestParityTableNamesRealTests(t *testing.T) {
	known := knownTests(t)
	named := regexp.MustCompile("`((?:Test|Fuzz|Example)\\w*)`")
	number := regexp.MustCompile(`\d+`)
	section, rows, want, all, reasons := "", 0, 0, 0, 0
	ended := func() {
		if rows != want {
			t.Errorf("%s: %d rows", section, rows)
		}
	}
	for line := range strings.Lines(string(readFile(t, filepath.Join("..", "docs", "evidence", "mcp-auth-parity.md")))) {
		for _, m := range named.FindAllStringSubmatch(line, -1) {
			if !known[m[1]] {
				t.Errorf("%s: there is no test of this name", m[1])
			}
		}
		if title, ok := strings.CutPrefix(line, "#"); ok {
			ended()
			section, rows, want = strings.TrimSpace(title), 0, 0
			for _, n := range number.FindAllString(title, -1) {
				k, _ := strconv.Atoi(n)
				want += k
			}
		}
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| ---") || strings.HasPrefix(line, "| mcp-auth") {
			continue
		}
		rows++
		all++
		here := strings.Split(line, "|")[2]
		switch {
		case strings.HasPrefix(here, " No counterpart: ") && len(here) > len(" No counterpart: ")+10:
			reasons++
		case !named.MatchString(here):
			t.Errorf("neither a test nor a reason: %s", line)
		}
	}
	ended()
	t.Logf("%d rows: %d with a test here, %d with a reason", all, all-reasons, reasons)
	if all < 210 {
		t.Errorf("%d rows are too few", all)
	}
}
