package hosts

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// section is what docs/clients.md must say of a host: where its file is on
// each system, and the entry.
func section(t *testing.T, h Host) string {
	t.Helper()
	names := func(name string) string {
		return map[string]string{"APPDATA": "%APPDATA%", "LOCALAPPDATA": "%LOCALAPPDATA%"}[name]
	}
	var lines []string
	for _, s := range []System{{OS: "darwin", Home: "~"}, {OS: "linux", Home: "~"}, {OS: "windows", Home: "%USERPROFILE%", Getenv: names}} {
		title := map[string]string{"darwin": "macOS", "linux": "Linux", "windows": "Windows"}[s.OS]
		var programs []string
		for _, p := range h.installations(s) {
			programs = append(programs, "`"+strings.Join(p.files, "` or `")+"`")
		}
		line := strings.Join(programs, " and ")
		if n := len(lines); n > 0 && strings.HasSuffix(lines[n-1], ": "+line) {
			lines[n-1] = strings.Replace(lines[n-1], ": ", ", "+title+": ", 1)
		} else {
			lines = append(lines, title+": "+line)
		}
	}
	command := "/usr/local/bin/mcp-login"
	if h.InheritsPath {
		command = "mcp-login"
	}
	entry, err := h.Snippet(h.Entry("example", []string{command}, "https://example.com/mcp", nil))
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("## %s\n\n`mcp-login config %s https://example.com/mcp --write`\n\n- %s\n", h.Title, h.ID, strings.Join(lines, "\n- "))
	if h.Project != "" {
		text += "- one project: `" + h.Project + "`\n"
	}
	language := strings.ToLower(string(h.Format))
	return text + fmt.Sprintf("- afterwards: %s\n\n```%s\n%s```\n", h.Reload, language, entry)
}

// docs/clients.md has a block for every host, as the table has it.
func TestDocumentedClients(t *testing.T) {
	const file = "../../docs/clients.md"
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const mark = "<!-- from here on written by: go test ./internal/hosts -run TestDocumentedClients -update -->\n"
	head, rest, ok := strings.Cut(strings.ReplaceAll(string(page), "\r\n", "\n"), mark)
	if !ok {
		t.Fatal("the mark is missing")
	}
	want := ""
	for _, c := range All {
		want += "\n" + section(t, c)
	}
	if *update {
		if err := os.WriteFile(file, []byte(head+mark+want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if rest != want {
		t.Error("docs/clients.md is not what the table says; run the test with -update")
	}
}
