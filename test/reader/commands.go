package reader

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Command is a block of a page that its reader pastes into a shell.
type Command struct {
	Line   int
	Text   string   // as it stands on the page
	Prints []string // what the page says that it prints, line by line
	NotRun string   // why no test runs it, "" if one does
}

// notRun begins the paragraph behind a command that no test runs.
const notRun = "Not run by a test"

var fence = regexp.MustCompile("^( *)```([a-z]*)$")

// Commands returns the commands of a page in their order.
func Commands(page string) (all []Command, err error) {
	lines := strings.Split(strings.ReplaceAll(page, "\r\n", "\n"), "\n")
	for at := 0; at < len(lines); at++ {
		text, language, end := block(lines, at)
		if end == 0 {
			continue
		}
		c := Command{Line: at + 1, Text: strings.Join(text, "\n")}
		at = end
		if language != "sh" {
			continue
		}
		for at++; at < len(lines) && lines[at] == ""; at++ {
		}
		if at, err = c.readOn(lines, at); err != nil {
			return nil, fmt.Errorf("line %d: %w", c.Line, err)
		}
		all = append(all, c)
	}
	return all, nil
}

// readOn reads what stands behind the command, and returns its last line.
func (c *Command) readOn(lines []string, at int) (end int, err error) {
	if at < len(lines) {
		prints, language, end := block(lines, at)
		if language == "text" {
			c.Prints = prints
			return end, nil
		}
		reason, said := strings.CutPrefix(strings.TrimSpace(lines[at]), notRun)
		if c.NotRun = strings.TrimLeft(reason, ": "); said && c.NotRun != "" {
			return at, nil
		}
	}
	return 0, errors.New("the page says neither what the command prints nor why no test runs it")
}

// block returns the fenced block that begins at a line, with the line that ends it, and 0
// where none begins.
func block(lines []string, at int) (text []string, language string, end int) {
	m := fence.FindStringSubmatch(lines[at])
	if m == nil {
		return nil, "", 0
	}
	for end = at + 1; end < len(lines) && lines[end] != m[1]+"```"; end++ {
		text = append(text, strings.TrimPrefix(lines[end], m[1]))
	}
	return text, m[2], end
}

// Variables are those that the command sets, with the values of the page.
func (c Command) Variables() map[string]string {
	set := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^export ([A-Z0-9_]+)='(.*)'$`).FindAllStringSubmatch(c.Text, -1) {
		set[m[1]] = m[2]
	}
	return set
}

// minutes differ by one in what is said of the life of a token.
var minutes = regexp.MustCompile(`[0-9]+ min\b`)

// pattern matches what the command may print: "…" on a line of its own is any lines, within
// one anything, and any number of minutes is as good as another.
func (c Command) pattern() string {
	var p strings.Builder
	p.WriteString(`\A`)
	for _, line := range c.Prints {
		if line == "…" {
			p.WriteString(`(?:.*\n)*?`)
			continue
		}
		quoted := minutes.ReplaceAllString(regexp.QuoteMeta(line), `[0-9]+ min`)
		p.WriteString(strings.ReplaceAll(quoted, "…", ".*") + `\n`)
	}
	return p.String()
}

// compare says how what a command has printed differs from the page.
func (c Command) compare(printed string) error {
	if !strings.HasSuffix(printed, "\n") {
		printed += "\n"
	}
	if regexp.MustCompile(c.pattern() + `\z`).MatchString(printed) {
		return nil
	}
	return fmt.Errorf("%s\nprints\n%s\nthe page says\n%s", c.Text, printed, strings.Join(c.Prints, "\n"))
}

// fails reports whether the page shows the command to fail.
func (c Command) fails() bool {
	return slices.ContainsFunc(c.Prints, func(line string) bool { return strings.Contains(line, "error: ") })
}
