package main

import (
	"fmt"
	"strings"
)

// page is a manual page that is being written, in the macros of man(7).
type page struct {
	strings.Builder
	begun bool // the section has something in it
}

// plain writes text so that it is printed as it is: what can be copied must not become a
// typographer's quote or dash.
func plain(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`).Replace(text)
	if strings.HasPrefix(text, ".") {
		text = `\&` + text
	}
	return text
}

// line writes a line that is roff already.
func (p *page) line(text string) { p.WriteString(text + "\n") }

func (p *page) title(name string, section int, date, version string) {
	p.line(fmt.Sprintf(`.TH %s %d %s "mcp\-login %s"`, plain(strings.ToUpper(name)), section, date, plain(version)))
}

func (p *page) section(title string) {
	p.line(".SH " + plain(strings.ToUpper(title)))
	p.begun = false
}

// paragraph begins one: at the beginning of a section that is so already.
func (p *page) paragraph() {
	if p.begun {
		p.line(".PP")
	}
	p.begun = true
}

// text writes a paragraph; code, which begins with a tab, as it is.
func (p *page) text(text string) {
	if strings.HasPrefix(text, "\t") {
		p.literal(strings.Split(text, "\n"))
		return
	}
	p.paragraph()
	for line := range strings.SplitSeq(text, "\n") {
		p.line(plain(line))
	}
}

// synopsis writes how a command is called, a line each.
func (p *page) synopsis(lines []string) {
	p.section("Synopsis")
	p.line(".nf")
	for _, line := range lines {
		p.line(plain(strings.TrimSpace(line)))
	}
	p.line(".fi")
}

// rows writes words and what they mean.
func (p *page) rows(rows [][2]string) {
	for _, r := range rows {
		p.line(".TP")
		p.line(`.B ` + strings.ReplaceAll(plain(r[0]), `"`, `\(dq`))
		p.line(plain(r[1]))
	}
}

// literal writes lines as they are.
func (p *page) literal(lines []string) {
	p.paragraph()
	p.line(".nf")
	for _, line := range lines {
		p.line(plain(strings.TrimLeft(line, "\t")))
	}
	p.line(".fi")
}

// set writes a text that is broken into lines already, with a rule below each heading. Lines
// are up to 80 columns long, so they are not indented. What stands above the first heading is
// the description; the name of the whole says nothing new.
func (p *page) set(lines []string) {
	if len(lines) > 1 && strings.Trim(lines[1], "=") == "" {
		lines = lines[2:]
	}
	lines = append([]string{"Description", "-"}, lines...)
	for len(lines) > 0 {
		next := 2
		for next < len(lines) && (next+1 == len(lines) || !isRule(lines[next+1]) || lines[next] == "") {
			next++
		}
		if body := strings.Trim(strings.Join(lines[2:next], "\n"), "\n"); body != "" {
			p.section(lines[0])
			p.line(".in 0")
			p.literal(strings.Split(body, "\n"))
		}
		lines = lines[next:]
	}
}

// isRule reports whether a line is the rule below a heading.
func isRule(line string) bool {
	return line != "" && (strings.Trim(line, "=") == "" || strings.Trim(line, "-") == "")
}
