package main

import (
	"bytes"
	"fmt"
	"html"
	"regexp"
	"strconv"
	"strings"
)

// In pixels.
const (
	charWidth  = 8.4
	lineHeight = 20
	padding    = 16
	top        = 40 // of the first line; above it is the bar of the window
)

const (
	// shown is how many lines the picture has at once; more scroll, as in a terminal.
	shown = 30
	// pause is the time between two lines, in seconds.
	pause = 0.25
)

// colours of SGR on the dark ground of the picture, each with a contrast of 4.5 at least.
var colours = map[int]string{
	31: "#ff7b72", 32: "#56d364", 33: "#e3b341", 34: "#79c0ff", 35: "#d2a8ff", 36: "#76e3ea", 37: "#e6edf3",
	90: "#9198a1", 91: "#ffa198", 92: "#7ee787", 93: "#f2cc60", 94: "#a5d6ff", 95: "#e2c5ff", 96: "#b3f0ff", 97: "#ffffff",
}

// port is a port that the system chose.
var port = regexp.MustCompile(`(127\.0\.0\.1:)(\d{5})\b`)

// draw makes the picture of a command and its lines.
func draw(command string, lines []line) []byte {
	fixPorts(lines)
	for len(lines) > 0 && strings.TrimSpace(text(lines[len(lines)-1:])) == "" {
		lines = lines[:len(lines)-1]
	}
	prompt := screen{lines: make([]line, 1)}
	prompt.write("\x1b[32m$\x1b[0m \x1b[1m" + command + "\x1b[0m")
	all := append(prompt.lines, lines...)

	rows := min(len(all), shown)
	scrolled := len(all) - rows
	width, height := int(columns*charWidth)+2*padding, top+rows*lineHeight+padding/2
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-labelledby="t">
<title id="t">A terminal that runs %s</title>
<style>
text { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #e6edf3; white-space: pre }
.b { font-weight: 600 }
.d { fill: #9198a1 }
g { animation: appear .01s backwards }
#l { transform: translateY(-%dpx); animation: scroll %ss steps(%d) %ss backwards }
@keyframes appear { from { opacity: 0 } }
@keyframes scroll { from { transform: none } }
@media (prefers-reduced-motion: reduce) { g, #l { animation: none } }
</style>
<rect width="%d" height="%d" rx="8" fill="#0d1117"/>
<circle cx="20" cy="18" r="6" fill="#ff5f57"/><circle cx="40" cy="18" r="6" fill="#febc2e"/><circle cx="60" cy="18" r="6" fill="#28c840"/>
<svg y="%d" width="%d" height="%d">
<g id="l">
`, width, height, width, height, html.EscapeString(command), scrolled*lineHeight, seconds(scrolled), max(scrolled, 1), seconds(rows-1),
		width, height, top, width, rows*lineHeight)
	for i, l := range all {
		if len(l) == 0 {
			continue
		}
		fmt.Fprintf(&b, `<g style="animation-delay:%ss"><text x="%d" y="%d" xml:space="preserve">`,
			seconds(i), padding, i*lineHeight+14)
		for _, run := range runs(l) {
			b.WriteString(span(run))
		}
		b.WriteString("</text></g>\n")
	}
	b.WriteString("</g>\n</svg>\n</svg>\n")
	return b.Bytes()
}

// seconds is how long so many lines take.
func seconds(lines int) string { return strconv.FormatFloat(float64(lines)*pause, 'f', -1, 64) }

// runs divides a line into pieces of one style.
func runs(l line) (all []line) {
	for i, c := range l {
		if i == 0 || c.style != l[i-1].style {
			all = append(all, nil)
		}
		all[len(all)-1] = append(all[len(all)-1], c)
	}
	return all
}

func span(run line) string {
	words := ""
	for _, c := range run {
		words += string(c.char)
	}
	words = html.EscapeString(words)
	var attributes string
	if s := run[0].style; s.bold || s.dim || s.colour != 0 {
		switch {
		case s.bold:
			attributes = ` class="b"`
		case s.dim:
			attributes = ` class="d"`
		}
		if colour := colours[s.colour]; colour != "" {
			attributes += ` style="fill:` + colour + `"`
		}
		return "<tspan" + attributes + ">" + words + "</tspan>"
	}
	return words
}

// fixPorts replaces the ports of this run by others of the same length.
func fixPorts(lines []line) {
	seen := map[string]string{}
	for _, l := range lines {
		row := strings.TrimRight(text([]line{l}), "\n")
		for _, at := range port.FindAllStringSubmatchIndex(row, -1) {
			old := row[at[4]:at[5]]
			if seen[old] == "" {
				seen[old] = strconv.Itoa(50001 + len(seen))
			}
			from := len([]rune(row[:at[4]]))
			for i, digit := range seen[old] {
				l[from+i].char = digit
			}
		}
	}
}
