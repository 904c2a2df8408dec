package main

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// report is everything there is to tell.
type report struct {
	Machine  string
	Note     string
	Revision string    // of mcp-login
	Load     [2]string // before and after
	Subjects []*subject
	Outcome  *outcome
	Binary   int64 // bytes
}

func (r *report) value(key string) float64 {
	if key == binaryKey {
		return float64(r.Binary) / 1e6
	}
	return r.Outcome.value(ours, key)
}

func (r *report) find(key string) figure {
	for _, f := range figureList(whole.flights) {
		if f.Key == key {
			return f
		}
	}
	return figure{Key: key, Name: "stripped binary, linux/amd64", Unit: "MB"}
}

func (r *report) unit(key string) string { return r.find(key).Unit }

// markdown returns the tables.
func (r *report) markdown() string {
	var b strings.Builder
	rounds := "rounds"
	if r.Outcome.Rounds == 1 {
		rounds = "round"
	}
	fmt.Fprintf(&b, "%s. %d %s, medians.", r.Machine, r.Outcome.Rounds, rounds)
	if r.Revision != "" {
		fmt.Fprintf(&b, " mcp-login at %s.", r.Revision)
	}
	if r.Load[0] != "" {
		fmt.Fprintf(&b, " Load average %s before and %s after.", r.Load[0], r.Load[1])
	}
	if r.Note != "" {
		fmt.Fprintf(&b, " %s", r.Note)
	}
	b.WriteString("\n\n")
	for _, s := range r.Subjects {
		fmt.Fprintf(&b, "- **%s**: %s\n", s.name, s.what)
	}
	r.writeAims(&b)
	r.writeValues(&b)
	r.writeRatios(&b)
	r.writeFailures(&b)
	return b.String()
}

func (r *report) writeAims(b *strings.Builder) {
	var lines []string
	met := 0
	for _, a := range aims {
		bound, found, good, ok := a.words(r)
		if !ok {
			continue
		}
		verdict := "**missed**"
		if good {
			verdict = "met"
			met++
		}
		lines = append(lines, fmt.Sprintf("| %s | %s | %s | %s |\n", r.find(a.key).Name, bound, found, verdict))
	}
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(b, "\n### Aims\n\n%d of %d met.\n\n| measure | aim | measured | |\n| --- | --- | --- | --- |\n%s", met, len(lines), strings.Join(lines, ""))
}

// header writes the two first lines of a table.
func header(b *strings.Builder, first string, columns []string) {
	fmt.Fprintf(b, "| %s | %s |\n| --- |%s\n", first, strings.Join(columns, " | "), strings.Repeat(" --- |", len(columns)))
}

func (r *report) names(without string) (list []string) {
	for _, s := range r.Subjects {
		if s.name != without {
			list = append(list, s.name)
		}
	}
	return list
}

func (r *report) writeValues(b *strings.Builder) {
	b.WriteString("\n### Figures\n\n")
	names := r.names("")
	header(b, "", names)
	for _, f := range figureList(whole.flights) {
		cells, any := make([]string, len(names)), false
		for i, name := range names {
			v := r.Outcome.value(name, f.Key)
			cells[i] = number(v)
			any = any || !math.IsNaN(v)
		}
		if any {
			fmt.Fprintf(b, "| %s | %s |\n", strings.TrimSuffix(f.Name+", "+f.Unit, ", "), strings.Join(cells, " | "))
		}
	}
}

// writeRatios writes what the others need for each unit that mcp-login needs,
// paired within a round. Rates are turned round, so that above 1 always means
// that mcp-login is better.
func (r *report) writeRatios(b *strings.Builder) {
	names := r.names(ours)
	if len(names) == 0 || len(names) == len(r.names("")) {
		return
	}
	fmt.Fprintf(b, "\n### Ratios\n\nEach one by %s, median of the ratios inside each round; above 1 means that %s is better.\n\n", ours, ours)
	header(b, "", names)
	for _, f := range figureList(whole.flights) {
		cells, any := make([]string, len(names)), false
		for i, name := range names {
			v := r.Outcome.ratio(name, ours, f.Key)
			if f.More {
				v = r.Outcome.ratio(ours, name, f.Key)
			}
			cells[i] = "–"
			if !math.IsNaN(v) {
				cells[i], any = number(v), true
			}
		}
		if any {
			fmt.Fprintf(b, "| %s | %s |\n", f.Name, strings.Join(cells, " | "))
		}
	}
}

func (r *report) writeFailures(b *strings.Builder) {
	var lines []string
	for _, s := range r.Subjects {
		for _, m := range slices.Sorted(maps.Keys(r.Outcome.Failures[s.name])) {
			text := strings.Join(strings.Fields(r.Outcome.Failures[s.name][m]), " ")
			lines = append(lines, fmt.Sprintf("- %s, %s: %.240s\n", s.name, m, text))
		}
	}
	if lines != nil {
		fmt.Fprintf(b, "\n### What failed\n\n%s", strings.Join(lines, ""))
	}
}
