package main

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"mcp-login/test/bench/page"
)

// report is a run, and what is told about it.
type report struct {
	Machine  string            `json:"machine"`
	Revision string            `json:"revision"`
	Load     [2]string         `json:"load"` // before and after
	Rounds   int               `json:"rounds"`
	Streams  int               `json:"streams"`
	Beat     string            `json:"heartbeat"`
	Binary   int64             `json:"binary"`  // bytes of whoami-server, stripped
	Servers  map[string]string `json:"servers"` // what each is
	Values   values            `json:"values"`
	Commands [][]string        `json:"commands,omitempty"` // of what is compared with --gateway
}

func (r *report) note(s *subject) {
	if r.Servers == nil {
		r.Servers = map[string]string{}
	}
	r.Servers[s.name] = s.what
}

// figure is one line of a table.
type figure struct {
	key, name, unit string
	// ratio says which server's figure is divided by the other's: 1 the sample's
	// by ours, because less is better, -1 the other way round, 0 neither.
	ratio int
}

// callFigures are those of one kind of token, without their prefix.
var callFigures = []figure{
	{"rate", "requests", "/s", -1},
	{"p50", "p50", "ms", 1},
	{"p99", "p99", "ms", 1},
	{"cpu", "CPU per 10,000 requests", "s", 1},
	{"idle", "memory idle (RSS)", "MiB", 1},
	{"peak", "memory under load, most (RSS)", "MiB", 1},
	{"userinfo", "userinfo requests per 1,000 requests", "", 0},
	{"jwks", "key set requests", "", 0},
	{"checks", "verifications per token", "", 0},
}

var streamFigures = []figure{
	{"rss", "memory (RSS)", "MiB", 0},
	{"peak", "most since the start", "MiB", 0},
	{"each", "memory per stream", "KiB", 0},
	{"beats", "heartbeats", "/s", 0},
	{"cpu", "CPU per 10,000 heartbeats", "s", 0},
	{"opened", "time to open all", "s", 0},
}

var kindNames = map[kind]string{kindOpaque: "opaque tokens", kindJWT: "JWTs (ES384)"}

// markdown is the report for people.
func (r *report) markdown() string {
	if r.Commands != nil {
		return r.gatewayMarkdown()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s; revision %s; load %s before, %s after; %d rounds. whoami-server has %.1f MB.\n\n", r.Machine, r.Revision, r.Load[0], r.Load[1], r.Rounds, float64(r.Binary)/1e6)
	_, peer := r.Servers[nameNode]
	head, rule := "| 32 connections | "+nameOurs+" |", "| --- | --- |"
	if peer {
		head += " " + nameNode + " (" + r.Servers[nameNode] + ") | ratio |"
		rule += " --- | --- |"
	}
	b.WriteString(head + "\n" + rule + "\n")
	for _, k := range []kind{kindOpaque, kindJWT} {
		for _, f := range callFigures {
			r.writeCalls(&b, k, f, peer)
		}
	}
	fmt.Fprintf(&b, "\n| %d idle streams, a heartbeat every %s | HTTP+SSE | Streamable HTTP |\n| --- | --- | --- |\n", r.Streams, r.Beat)
	for _, f := range streamFigures {
		sse, streamable := r.middle(nameOurs, "streams.sse."+f.key), r.middle(nameOurs, "streams.streamable."+f.key)
		fmt.Fprintf(&b, "| %s | %s | %s |\n", title(f), page.Number(sse), page.Number(streamable))
	}
	r.writeAims(&b)
	return b.String()
}

func (r *report) writeCalls(b *strings.Builder, k kind, f figure, peer bool) {
	key := string(k) + "." + f.key
	ours, theirs := r.middle(nameOurs, key), r.middle(nameNode, key)
	if math.IsNaN(ours) && math.IsNaN(theirs) {
		return
	}
	fmt.Fprintf(b, "| %s, %s | %s |", kindNames[k], title(f), page.Number(ours))
	if peer {
		ratio := "–"
		if f.ratio != 0 {
			ratio = page.Number(r.ratio(key, f.ratio)) + " ×"
		}
		fmt.Fprintf(b, " %s | %s |", page.Number(theirs), ratio)
	}
	b.WriteString("\n")
}

func title(f figure) string {
	if f.unit == "" || f.unit == "/s" {
		return f.name + f.unit
	}
	return f.name + ", " + f.unit
}

// middle is the median over the rounds; NaN when there is none.
func (r *report) middle(server, key string) float64 { return median(r.Values[server][key]) }

// ratio is the median of the ratios inside the rounds: the sample's by ours, or
// with -1 ours by the sample's.
func (r *report) ratio(key string, direction int) float64 {
	if direction < 0 {
		return r.quotient(key, nameOurs, nameNode)
	}
	return r.quotient(key, nameNode, nameOurs)
}

// quotient is the median of the quotients of two servers' figures inside the rounds.
func (r *report) quotient(key, server, by string) float64 {
	above, below := r.Values[server][key], r.Values[by][key]
	var all []float64
	for i := range min(len(above), len(below)) {
		all = append(all, above[i]/below[i])
	}
	return median(all)
}

func median(list []float64) float64 {
	if len(list) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(list))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
