package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"strings"

	"mcp-login/test/bench/kernel"
	"mcp-login/test/bench/page"
)

// measureGateways measures what stands in front of another server, and reports.
func (o *options) measureGateways(ctx context.Context, l *lab, out, progress io.Writer) (err error) {
	l.oauth2Proxy = o.oauth2Proxy
	if err := l.buildFloor(ctx, o.peers); err != nil {
		return err
	}
	if l.oauth2Address, err = freeAddress(); err != nil {
		return err
	}
	if o.streams == 0 && !o.quick {
		l.size.streams = gatewayStreams
	}
	r := &report{Machine: kernel.Machine(), Revision: revision(), Rounds: o.rounds, Streams: l.size.streams, Beat: l.size.beat.String(), Load: [2]string{kernel.Load()}}
	if r.Values, r.Commands, err = surveyGateway(ctx, l, o.rounds, progress); err != nil {
		return err
	}
	r.Load[1] = kernel.Load()
	return o.write(r, out)
}

// fronts are what is compared, in this order.
func (r *report) fronts() []string {
	list := []string{nameDirect, nameReverseProxy, nameGateway, nameAssertion}
	if r.Values[nameOAuth2Proxy] != nil {
		list = append(list, nameOAuth2Proxy)
	}
	return list
}

// gatewayMarkdown is the report of --gateway.
func (r *report) gatewayMarkdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s; revision %s; load %s before, %s after; %d rounds, medians.\n", r.Machine, r.Revision, r.Load[0], r.Load[1], r.Rounds)
	fronts := r.fronts()
	head := func(first string) {
		fmt.Fprintf(&b, "\n| %s | %s |\n|%s\n", first, strings.Join(fronts, " | "), strings.Repeat(" --- |", len(fronts)+1))
	}
	row := func(title, key string) {
		fmt.Fprintf(&b, "| %s |", title)
		for _, name := range fronts {
			fmt.Fprintf(&b, " %s |", page.Number(r.middle(name, key)))
		}
		b.WriteString("\n")
	}
	head("calls, JWT in the cache")
	for _, n := range gatewayLoads {
		title := fmt.Sprintf("%d connections, ", n)
		if n == 1 {
			title = "1 connection, "
		}
		for _, f := range []figure{{key: "rate", name: "requests/s"}, {key: "p50", name: "p50, ms"}, {key: "p99", name: "p99, ms"}, {key: "cpu", name: "CPU a request, µs"}, {key: "peak", name: "most memory (RSS), MiB"}} {
			row(title+f.name, fmt.Sprintf("%d.%s", n, f.key))
		}
		fmt.Fprintf(&b, "| %sCPU, times ReverseProxy's |", title)
		for _, name := range fronts {
			fmt.Fprintf(&b, " %s |", page.Number(r.quotient(fmt.Sprintf("%d.cpu", n), name, nameReverseProxy)))
		}
		b.WriteString("\n")
	}
	head(fmt.Sprintf("%d idle streams, a comment every %s", r.Streams, r.Beat))
	for _, f := range []figure{{key: "rss", name: "memory (RSS), MiB"}, {key: "each", name: "memory per stream, KiB"}, {key: "cpu", name: "CPU per 10,000 comments, s"}} {
		row(f.name, "streams.streamable."+f.key)
	}
	r.writeGatewayAims(&b)
	b.WriteString("\n```text\n")
	for _, command := range r.Commands {
		b.WriteString(spelled(command) + "\n")
	}
	b.WriteString("```\n")
	return b.String()
}

// writeGatewayAims compares with the aims of issue 19.
func (r *report) writeGatewayAims(b *strings.Builder) {
	b.WriteString("\n| aim | bound | measured | |\n| --- | --- | --- | --- |\n")
	for _, n := range gatewayLoads {
		for _, a := range []struct {
			what, key, by string
			bound         float64
			least         bool
		}{
			{"CPU, times ReverseProxy's", "cpu", nameReverseProxy, 1.3, false},
			{"CPU, times oauth2-proxy's", "cpu", nameOAuth2Proxy, 1, false},
			{"requests/s, times oauth2-proxy's", "rate", nameOAuth2Proxy, 1, true},
			{"p99, times oauth2-proxy's", "p99", nameOAuth2Proxy, 1, false},
		} {
			v := r.quotient(fmt.Sprintf("%d.%s", n, a.key), nameGateway, a.by)
			if math.IsNaN(v) {
				continue
			}
			sign, verdict := "≤", "met"
			if a.least {
				sign = "≥"
			}
			if a.least != (v >= a.bound) && v != a.bound {
				verdict = "**missed**"
			}
			fmt.Fprintf(b, "| %d: %s | %s %s | %s | %s |\n", n, a.what, sign, page.Number(a.bound), page.Number(v), verdict)
		}
	}
}

// spelled is a command without the folder of its program.
func spelled(command []string) string {
	words := append([]string{command[0][strings.LastIndexAny(command[0], `/\`)+1:]}, command[1:]...)
	return strings.Join(words, " ")
}
