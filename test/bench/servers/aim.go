package main

import (
	"fmt"
	"math"
	"strings"

	"mcp-login/test/bench/page"
)

// aim is what issue 7 asks for: a bound on a figure or on a ratio.
type aim struct {
	what  string
	bound float64
	least bool // at least, not at most
	of    func(r *report) float64
	unit  string
}

func aims() []aim {
	var list []aim
	for _, k := range []kind{kindOpaque, kindJWT} {
		key := string(k) + "."
		list = append(list,
			aim{kindNames[k] + ": requests/s, times the sample's", 8, true, func(r *report) float64 { return r.ratio(key+"rate", -1) }, " ×"},
			aim{kindNames[k] + ": p99, of the sample's", 1, false, func(r *report) float64 { return 1 / r.ratio(key+"p99", 1) }, " ×"},
			aim{kindNames[k] + ": memory under load", 25, false, func(r *report) float64 { return r.middle(nameOurs, key+"peak") }, " MiB"})
	}
	for _, t := range []struct{ by, name string }{{"sse", "HTTP+SSE"}, {"streamable", "Streamable HTTP"}} {
		list = append(list, aim{"10,000 idle streams, " + t.name, 600, false, func(r *report) float64 {
			if r.Streams < 10_000 {
				return math.NaN() // memory does not grow in proportion
			}
			return r.middle(nameOurs, "streams."+t.by+".rss")
		}, " MiB"})
	}
	return list
}

// met says whether the aim is reached; ok is false where nothing was measured.
func (a aim) met(r *report) (v float64, met, ok bool) {
	v = a.of(r)
	return v, a.least == (v >= a.bound) || v == a.bound, !math.IsNaN(v) && !math.IsInf(v, 0)
}

func (r *report) writeAims(b *strings.Builder) {
	b.WriteString("\n| aim | bound | measured | |\n| --- | --- | --- | --- |\n")
	for _, a := range aims() {
		v, met, ok := a.met(r)
		if !ok {
			continue
		}
		sign, verdict := "≤", "met"
		if a.least {
			sign = "≥"
		}
		if !met {
			verdict = "**missed**"
		}
		fmt.Fprintf(b, "| %s | %s %s%s | %s%s | %s |\n", a.what, sign, page.Number(a.bound), a.unit, page.Number(v), a.unit, verdict)
	}
}
