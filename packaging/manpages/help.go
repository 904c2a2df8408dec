package main

import "strings"

// help is what a program prints about a command.
type help struct {
	paragraphs []string // above the sections; lines of each as they were broken
	sections   []section
}

// section is a title and the lines below it, which are indented.
type section struct {
	title string
	lines []string
}

// section returns the one of a title, an empty one if there is none.
func (h help) section(title string) section {
	for _, s := range h.sections {
		if s.title == title {
			return s
		}
	}
	return section{}
}

// readHelp divides a text. A section begins with a line that ends in a colon and has an
// indented one below it.
func readHelp(text string) help {
	var h help
	lines := strings.Split(strings.TrimSpace(text), "\n")
	paragraph := ""
	end := func() {
		if paragraph != "" {
			h.paragraphs = append(h.paragraphs, strings.TrimSuffix(paragraph, "\n"))
		}
		paragraph = ""
	}
	for i, line := range lines {
		title, isTitle := strings.CutSuffix(line, ":")
		last := len(h.sections) - 1
		switch {
		case isTitle && line[0] != ' ' && i+1 < len(lines) && strings.HasPrefix(lines[i+1], "  "):
			h.sections = append(h.sections, section{title: title})
		case last >= 0:
			h.sections[last].lines = append(h.sections[last].lines, line)
		case line == "":
			end()
		default:
			paragraph += line + "\n"
		}
	}
	end()
	for i := range h.sections { // the empty line before the next one
		s := &h.sections[i]
		for len(s.lines) > 0 && s.lines[len(s.lines)-1] == "" {
			s.lines = s.lines[:len(s.lines)-1]
		}
	}
	return h
}

// rows reads a section in two columns: what has more than two blanks in front goes on with
// the second column of the line above.
func (s section) rows() (rows [][2]string) {
	for _, line := range s.lines {
		if strings.HasPrefix(line, "   ") {
			if last := len(rows) - 1; last >= 0 {
				rows[last][1] = strings.TrimSpace(rows[last][1] + " " + strings.TrimSpace(line))
			}
			continue
		}
		first, second, _ := strings.Cut(strings.TrimSpace(line), "  ")
		rows = append(rows, [2]string{first, strings.TrimSpace(second)})
	}
	return rows
}
