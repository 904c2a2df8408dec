package main

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// panels are the figures of the chart, with short titles.
var panels = []struct{ key, title string }{
	{"start.known", "Cold start, ms"},
	{"cpu.known", "CPU of a session, ms"},
	{"idle", "Idle memory, MiB"},
	{"crowd.pss", "Ten bridges, PSS MiB"},
	{"load.json.16.cpu", "CPU s per 10,000 calls, 16 in flight"},
	{"load.sse.16.cpu", "the same with event streams"},
	{"large.json.16.cpu", "CPU ms per MiB, 16 MiB JSON"},
	{"large.sse.16.cpu", "CPU ms per MiB, 16 MiB event"},
	{"large.json.16.peak", "Peak memory, 16 MiB JSON, MiB"},
}

// Sizes of the chart, in its own units.
const (
	panelWidth, panelGap = 300, 24
	barHeight, titleSize = 18, 13
	labelWidth           = 92
	perRow               = 3
)

var colours = map[string]string{ours: "#1f6feb", floor: "#9aa4b2", pipe: "#c4cbd4"}

// chart draws one panel per figure, a bar for each bridge; less is better in
// all of them. It is readable on light and on dark pages.
func (r *report) chart() []byte {
	var names []string
	for _, s := range r.Subjects {
		if s.command != nil && s.name != pipe {
			names = append(names, s.name)
		}
	}
	panelHeight := titleSize + 14 + len(names)*(barHeight+5) + panelGap
	rows := (len(panels) + perRow - 1) / perRow
	width, height := perRow*(panelWidth+panelGap)+panelGap, rows*panelHeight+2*panelGap
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="system-ui, sans-serif" font-size="12" role="img" aria-label="mcp-login and other bridges">`+"\n", width, height, width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", width, height)
	for i, p := range panels {
		x, y := panelGap+i%perRow*(panelWidth+panelGap), panelGap+i/perRow*panelHeight
		r.panel(&b, x, y, p.key, p.title, names)
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d" fill="#57606a" font-size="11">less is better; %s</text>`+"\n</svg>\n", panelGap, height-panelGap/2, html.EscapeString(r.Machine))
	return []byte(b.String())
}

func (r *report) panel(b *strings.Builder, x, y int, key, title string, names []string) {
	fmt.Fprintf(b, `<text x="%d" y="%d" font-weight="600" font-size="%d" fill="#1f2328">%s</text>`+"\n", x, y+titleSize, titleSize, html.EscapeString(title))
	most := 0.0
	for _, name := range names {
		if v := r.Outcome.value(name, key); !math.IsNaN(v) {
			most = max(most, v)
		}
	}
	room := float64(panelWidth - labelWidth - 48)
	for i, name := range names {
		top := y + titleSize + 10 + i*(barHeight+5)
		colour := colours[name]
		if colour == "" {
			colour = "#d0883c"
		}
		v, length := r.Outcome.value(name, key), 0.0
		if !math.IsNaN(v) && most > 0 {
			length = max(1, v/most*room)
		}
		fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end" fill="#1f2328">%s</text>`, x+labelWidth-6, top+barHeight-5, html.EscapeString(name))
		fmt.Fprintf(b, `<rect x="%d" y="%d" width="%.1f" height="%d" rx="2" fill="%s"/>`, x+labelWidth, top, length, barHeight, colour)
		fmt.Fprintf(b, `<text x="%.1f" y="%d" fill="#1f2328">%s</text>`+"\n", float64(x+labelWidth)+length+5, top+barHeight-5, number(v))
	}
}
