package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"mcp-login/docs"
)

// Every topic of help is a page that can be read as it is printed: no markup of Markdown, no
// escape sequence, no line of text beyond column 80, and no address that leads nowhere.
func TestTopicsAreSetForATerminal(t *testing.T) {
	markup := regexp.MustCompile("^(#|\\||```)|\\]\\(|\\*\\*|\x1b")
	reference := regexp.MustCompile(`mcp-login help ([a-z-]+)|\b(docs/[a-z0-9./-]+)`)
	root := newRoot(&app{getenv: env()})
	for _, topic := range docs.Topics {
		code, out, said := runWith(t, "", []string{"help", topic.Word})
		if code != exitOK || said != "" || len(out) < len(topic.Text())/2 || topic.Text() == "" {
			t.Errorf("help %s: %d %s\n%s", topic.Word, code, said, out)
		}
		for line := range strings.Lines(out) {
			line = strings.TrimRight(line, "\n")
			isText := !strings.HasPrefix(strings.TrimLeft(line, " "), "`") && strings.Contains(strings.TrimSpace(line), " ")
			if strings.HasPrefix(line, "    ") && strings.Contains(topic.Text(), strings.TrimSpace(line)+"\n") {
				continue // code as it stands in the page
			}
			if markup.MatchString(line) || isText && utf8.RuneCountInString(line) > 80 {
				t.Errorf("help %s: %s", topic.Word, line)
			}
		}
		for _, m := range reference.FindAllStringSubmatch(out, -1) {
			if m[1] != "" && child(root, m[1]) == nil {
				t.Errorf("help %s names %s", topic.Word, m[0])
			}
			if _, err := os.Stat(filepath.Join("..", "..", filepath.FromSlash(strings.TrimSuffix(m[2], ".")))); m[2] != "" && err != nil {
				t.Errorf("help %s names %s, which is not there", topic.Word, m[2])
			}
		}
	}
}
