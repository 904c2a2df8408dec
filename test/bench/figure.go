package main

import (
	"fmt"

	"mcp-login/test/bench/page"
)

// figure is one line of the report.
type figure struct {
	Key, Name, Unit string
	// Kernel says that it is there only where the kernel tells of it.
	Kernel bool
	// More says that more is better.
	More bool
}

// figureList is every figure, in the order of the report.
func figureList(flights []int) []figure {
	list := []figure{
		{Key: "start.first", Name: "cold start until initialize is answered, server never seen before", Unit: "ms"},
		{Key: "start.known", Name: "the same, server known from an earlier start", Unit: "ms"},
		{Key: "start.delayed.first", Name: "never seen, each request 50 ms longer", Unit: "ms"},
		{Key: "start.delayed.known", Name: "known, each request 50 ms longer", Unit: "ms"},
		{Key: "start.tls.first", Name: "never seen, TLS", Unit: "ms"},
		{Key: "start.tls.known", Name: "known, TLS", Unit: "ms"},
		{Key: "start.tls.delayed.first", Name: "never seen, TLS, each request and each handshake 50 ms longer", Unit: "ms"},
		{Key: "start.tls.delayed.known", Name: "known, TLS, each request and each handshake 50 ms longer", Unit: "ms"},
		{Key: "requests.first", Name: "requests until initialize is answered, never seen", Unit: ""},
		{Key: "requests.known", Name: "requests, known", Unit: ""},
		{Key: "login.first", Name: "first login until initialize is answered", Unit: "ms"},
		{Key: "login.again", Name: "next start, with the stored token", Unit: "ms"},
		{Key: "login.delayed.first", Name: "first login, each request 50 ms longer", Unit: "ms"},
		{Key: "login.delayed.again", Name: "stored token, each request 50 ms longer", Unit: "ms"},
		{Key: "login.first.requests", Name: "requests of the first login", Unit: ""},
		{Key: "login.again.requests", Name: "requests with the stored token", Unit: ""},
		{Key: "cpu.first", Name: "CPU of a session without calls, never seen", Unit: "ms", Kernel: true},
		{Key: "cpu.known", Name: "CPU of a session without calls, known", Unit: "ms", Kernel: true},
		{Key: "exit", Name: "exit after the end of input", Unit: "ms"},
		{Key: "idle", Name: "idle memory (RSS)", Unit: "MiB", Kernel: true},
		{Key: "crowd.pss", Name: "ten bridges at once, PSS", Unit: "MiB", Kernel: true},
		{Key: "crowd.rss", Name: "ten bridges at once, RSS", Unit: "MiB", Kernel: true},
		{Key: "crowd.ready", Name: "ten bridges at once, all ready", Unit: "ms"},
	}
	for _, w := range allWays {
		list = append(list, loadFigures(w, flights)...)
	}
	for _, w := range []way{wayJSON, wayEvents} {
		for _, size := range largeSizes {
			key, of := fmt.Sprintf("large.%s.%d", w, size), fmt.Sprintf("%d MiB results, %s", size, wayNames[w])
			list = append(list,
				figure{Key: key + ".rate", Name: of, Unit: "MiB/s", More: true},
				figure{Key: key + ".cpu", Name: of + ", CPU per MiB", Unit: "ms", Kernel: true},
				figure{Key: key + ".peak", Name: of + ", peak memory", Unit: "MiB", Kernel: true})
		}
	}
	return append(list,
		figure{Key: "notifications.rate", Name: "10,000 notifications, thousands a second", Unit: "k/s", More: true},
		figure{Key: "notifications.cpu", Name: "10,000 notifications, CPU", Unit: "ms", Kernel: true},
		figure{Key: "notifications.lost", Name: "notifications lost", Unit: ""},
		figure{Key: "notifications.disorder", Name: "notifications out of order", Unit: ""})
}

var wayNames = map[way]string{wayJSON: "JSON", wayEvents: "events", wayLegacy: "HTTP+SSE", waySecure: "JSON over TLS"}

func loadFigures(w way, flights []int) (list []figure) {
	for _, k := range flights {
		key, of := fmt.Sprintf("load.%s.%d", w, k), fmt.Sprintf("calls, %s, %d in flight", wayNames[w], k)
		list = append(list,
			figure{Key: key + ".rate", Name: of, Unit: "/s", More: true},
			figure{Key: key + ".p50", Name: of + ", p50", Unit: "ms"},
			figure{Key: key + ".p99", Name: of + ", p99", Unit: "ms"},
			figure{Key: key + ".cpu", Name: of + ", CPU per 10,000", Unit: "s", Kernel: true})
	}
	if w == waySecure {
		list = append(list, figure{Key: "load.tls.version", Name: "version of HTTP over TLS"})
	}
	return append(list, figure{Key: "load." + string(w) + ".peak", Name: "peak memory after calls, " + wayNames[w], Unit: "MiB", Kernel: true})
}

// number spells a figure.
func number(v float64) string {
	if v == 1.1 { // a version of HTTP
		return "1.1"
	}
	return page.Number(v)
}
