package main

import (
	"fmt"
	"math"
)

// aim is what a figure of mcp-login shall be.
type aim struct {
	key  string
	most float64 // 0 is none
	lest float64 // at least; 0 is none
	// of names a subject: the bound is a ratio to its figure, measured in pairs.
	of string
}

// aims are those of the project; see docs/evidence/performance.md.
var aims = []aim{
	{key: "cpu.first", most: 1.0 / 60, of: peerRemote},
	{key: "start.first", most: 1.3, of: floor},
	{key: "start.known", most: 1.3, of: floor},
	{key: "requests.first", most: 2},
	{key: "requests.known", most: 1},
	{key: "login.first.requests", most: 8},
	{key: "login.again.requests", most: 1},
	{key: "idle", most: 11},
	{key: "crowd.pss", most: 25},
	{key: "load.json.1.cpu", most: 1.0 / 12, of: peerRemote},
	{key: "load.json.16.cpu", most: 1.0 / 12, of: peerRemote},
	{key: "load.json.64.cpu", most: 1.0 / 9, of: peerRemote},
	{key: "load.json.1.cpu", most: 1.25, of: floor},
	{key: "load.json.16.cpu", most: 1.25, of: floor},
	{key: "load.json.64.cpu", most: 1.25, of: floor},
	{key: "load.sse.1.cpu", most: 1.0 / 9, of: peerRemote},
	{key: "load.sse.16.cpu", most: 1.0 / 9, of: peerRemote},
	{key: "load.sse.64.cpu", most: 1.0 / 9, of: peerRemote},
	{key: "large.json.16.cpu", most: 2},
	{key: "large.json.64.cpu", most: 2},
	{key: "large.sse.16.cpu", most: 4},
	{key: "large.sse.64.cpu", most: 4},
	{key: "large.json.16.peak", most: 24},
	{key: "large.json.64.peak", most: 24},
	{key: "large.sse.16.peak", most: 24},
	{key: "large.sse.64.peak", most: 24},
	{key: "notifications.rate", lest: 350},
	{key: "notifications.lost", most: 0},
	{key: "notifications.disorder", most: 0},
	{key: "exit", most: 15},
	{key: binaryKey, most: 10},
}

// binaryKey is the figure that needs no measuring.
const binaryKey = "binary"

// words says the aim, what was measured, and whether it was met. ok is false
// when there is no figure.
func (a aim) words(r *report) (bound, found string, met, ok bool) {
	value, unit := r.value(a.key), r.unit(a.key)
	if a.of != "" {
		value, unit = r.Outcome.ratio(ours, a.of, a.key), "of "+a.of
	}
	if math.IsNaN(value) {
		return "", "", false, false
	}
	switch {
	case a.lest > 0:
		return fmt.Sprintf("at least %s %s", number(a.lest), unit), fmt.Sprintf("%s %s", number(value), unit), value >= a.lest, true
	case a.of != "" && a.most < 1:
		return fmt.Sprintf("at most 1/%.0f %s", 1/a.most, unit), fmt.Sprintf("1/%.1f", 1/value), value <= a.most, true
	case a.of != "":
		return fmt.Sprintf("at most %s × %s", number(a.most), a.of), fmt.Sprintf("%.2f ×", value), value <= a.most, true
	}
	return fmt.Sprintf("at most %s %s", number(a.most), unit), fmt.Sprintf("%s %s", number(value), unit), value <= a.most, true
}
