package manual

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var link = regexp.MustCompile(`\[[^\]]*\]\(([^)\s]+)\)`)

// anchor is what a heading is called in an address: lower case, without punctuation, with
// hyphens for blanks.
func anchor(heading string) string {
	heading = regexp.MustCompile(`[^\p{L}\p{N}\s_-]`).ReplaceAllString(strings.ToLower(heading), "")
	return strings.ReplaceAll(strings.TrimSpace(heading), " ", "-")
}

// Every link of a page names a file that is there, and a heading that it has.
func TestLinks(t *testing.T) {
	headings := map[string]map[string]bool{}
	for _, p := range pages(t) {
		headings[p.path] = map[string]bool{}
		p.each(func(language, line string) {
			if language == "" && strings.HasPrefix(line, "#") {
				headings[p.path][anchor(strings.TrimLeft(line, "# "))] = true
			}
		})
	}
	found := 0
	for _, p := range pages(t) {
		p.each(func(language, line string) {
			if language != "" {
				return
			}
			for _, m := range link.FindAllStringSubmatch(line, -1) {
				if strings.Contains(m[1], "://") {
					continue
				}
				found++
				file, heading, _ := strings.Cut(m[1], "#")
				if file = path.Join(path.Dir(p.path), file); strings.HasPrefix(m[1], "#") {
					file = p.path
				}
				if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(file))); err != nil {
					t.Errorf("%s: %s is not there", p.path, m[1])
				}
				if heading != "" && !headings[file][heading] {
					t.Errorf("%s: %s has no heading %q", p.path, file, heading)
				}
			}
		})
	}
	if found < 100 {
		t.Errorf("only %d links found", found)
	}
}

// The index of the documentation has every page but the decisions.
func TestIndex(t *testing.T) {
	index, err := os.ReadFile(filepath.Join(root, "docs", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pages(t) {
		name := strings.TrimPrefix(p.path, "docs/")
		if name == p.path || name == "README.md" || strings.HasPrefix(name, "decisions/") {
			continue
		}
		if !strings.Contains(string(index), "("+name+")") {
			t.Errorf("docs/README.md does not name %s", name)
		}
	}
}

// README sends each of the four readers to one page.
func TestDoors(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, who := range []string{"I use a desktop client", "I use a terminal", "I run a server", "I write one in Go"} {
		if !regexp.MustCompile(`(?m)^\| \*\*` + who + `\*\*.*\| \[[^\]]+\]\(docs/[a-z-]+\.md\) \|$`).Match(readme) {
			t.Errorf("README has no door for %q", who)
		}
	}
}
