package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Issue 6: the matrix has its 80 rows, and each yes of ours names a test that
// exists.
func TestComparison(t *testing.T) {
	text, err := os.ReadFile("../../docs/comparison.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile(`(?m)^\| (\d+) \| ([^|]*) \| ([^|]*) \| ([^|]*) \|( [^|]* \|){7}$`)
	name := regexp.MustCompile("`(Test[A-Za-z0-9_]+|[a-z-]+\\.txtar)`")
	known := knownTests(t)
	rows := row.FindAllStringSubmatch(strings.ReplaceAll(string(text), "\r\n", "\n"), -1)
	if len(rows) != 80 {
		t.Errorf("%d rows", len(rows))
	}
	for _, r := range rows {
		proofs := name.FindAllStringSubmatch(r[4], -1)
		if r[3] == "yes" && len(proofs) == 0 {
			t.Errorf("row %s, %s: yes without a proof", r[1], r[2])
		}
		if r[3] == "partly" && strings.TrimSpace(r[4]) == "" {
			t.Errorf("row %s, %s: partly, but not what", r[1], r[2])
		}
		for _, p := range proofs {
			if !known[p[1]] {
				t.Errorf("row %s, %s: there is no %s", r[1], r[2], p[1])
			}
		}
	}
}

// knownTests are the names of all tests and scripts of the project.
func knownTests(t *testing.T) map[string]bool {
	t.Helper()
	known := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func (Test[A-Za-z0-9_]+)\(`)
	err := filepath.WalkDir(filepath.Join("..", ".."), func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git"):
			return filepath.SkipDir
		case strings.HasSuffix(path, ".txtar"):
			known[d.Name()] = true
		case strings.HasSuffix(path, "_test.go"):
			source, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, m := range function.FindAllStringSubmatch(string(source), -1) {
				known[m[1]] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return known
}
