package manual

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"mcp-login/test/binary"
)

func TestMain(m *testing.M) { binary.Main(m, nil) }

// root is the folder of go.mod.
var root = filepath.Join("..", "..")

// page is a page of the documentation.
type page struct {
	path  string // from the root, with slashes
	lines []string
}

// pages are README, its neighbours, and all of docs.
func pages(t *testing.T) (all []page) {
	t.Helper()
	names := []string{"README.md", "CONTRIBUTING.md", "SECURITY.md"}
	err := fs.WalkDir(os.DirFS(root), "docs", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && path.Ext(name) == ".md" {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page{name, strings.Split(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n")})
	}
	return all
}

// fence begins and ends a block.
var fence = regexp.MustCompile("^ *```([a-z]*)$")

// each calls do for each line with the language of the block that it stands in, "" outside
// of all; fences are left out.
func (p page) each(do func(language, line string)) {
	language := ""
	for _, line := range p.lines {
		m := fence.FindStringSubmatch(line)
		switch {
		case m == nil:
			do(language, line)
		case language == "":
			language = m[1] + " block"
		default:
			language = ""
		}
	}
}

// blocks are the commands of the page's blocks. A line that ends with a backslash goes on in
// the next; in a block that shows output as well, commands are behind a dollar sign.
func (p page) blocks() (commands []string) {
	command := ""
	p.each(func(language, line string) {
		line = strings.TrimSpace(line)
		switch language {
		case "sh block", "powershell block":
		case "console block":
			var shown bool
			if line, shown = strings.CutPrefix(line, "$ "); !shown && command == "" {
				return
			}
		default:
			return
		}
		if command += line; strings.HasSuffix(command, `\`) {
			command = strings.TrimSuffix(command, `\`)
			return
		}
		if command != "" && command[0] != '#' {
			commands = append(commands, command)
		}
		command = ""
	})
	return commands
}

// programs begin what is a command and no other code within a line.
var programs = []string{"mcp-login", "whoami-server", "go", "make", "bash", "git", "curl", "npm", "npx", "docker", "openssl", "secret-tool", "security", "apt-get"}

// inline are the commands within the lines of the page: at least two words.
func (p page) inline() (commands []string) {
	code := regexp.MustCompile("`([^`]+)`")
	p.each(func(language, line string) {
		if language != "" {
			return
		}
		for _, m := range code.FindAllStringSubmatch(line, -1) {
			words := strings.Fields(m[1])
			for len(words) > 0 && regexp.MustCompile(`^[A-Z_]+=`).MatchString(words[0]) {
				words = words[1:]
			}
			if len(words) > 1 && slices.Contains(programs, words[0]) {
				commands = append(commands, m[1])
			}
		}
	})
	return commands
}
