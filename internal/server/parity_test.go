package server

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// docs/evidence/mcp-auth-parity.md names tests that exist, gives every case a test or a
// reason, and has as many cases as its headings say.
func TestParityTableNamesRealTests(t *testing.T) {
	page, err := os.ReadFile("../../docs/evidence/mcp-auth-parity.md")
	if err != nil {
		t.Fatal(err)
	}
	exists := declaredTests(t)
	named := regexp.MustCompile("`((?:Test|Fuzz|Example)\\w+)`")
	heading := regexp.MustCompile(`(\d+)`)
	section, cases, want, all, reasons := "", 0, 0, 0, 0
	ended := func() {
		if cases != want {
			t.Errorf("%s: %d cases", section, cases)
		}
	}
	for line := range strings.SplitSeq(string(page), "\n") {
		for _, m := range named.FindAllStringSubmatch(line, -1) {
			if !exists[m[1]] {
				t.Errorf("%s: there is no test of this name", m[1])
			}
		}
		if title, ok := strings.CutPrefix(line, "## "); ok {
			ended()
			section, cases, want = title, 0, 0
			for _, n := range heading.FindAllString(title, -1) {
				k, _ := strconv.Atoi(n)
				want += k
			}
		}
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| ---") || strings.HasPrefix(line, "| mcp-auth") {
			continue
		}
		cases++
		all++
		columns := strings.Split(line, "|")
		here := columns[2]
		switch {
		case strings.HasPrefix(here, " No counterpart: ") && len(here) > len(" No counterpart: ")+10:
			reasons++
		case !named.MatchString(here):
			t.Errorf("neither a test nor a reason: %s", line)
		}
	}
	ended()
	t.Logf("%d cases: %d with a test here, %d with a reason", all, all-reasons, reasons)
	if all < 130 {
		t.Errorf("%d cases are too few", all)
	}
}

// declaredTests are the tests of this package, by name.
func declaredTests(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("*_test.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	exists := make(map[string]bool)
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Example)\w+)\(`)
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range declared.FindAllSubmatch(source, -1) {
			exists[string(m[1])] = true
		}
	}
	return exists
}
