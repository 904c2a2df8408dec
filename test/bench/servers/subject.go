package main

import (
	"regexp"
	"slices"
)

// kind is which tokens a server is shown.
type kind string

const (
	kindOpaque kind = "opaque"
	kindJWT    kind = "jwt"
)

// subject is a server to measure with one kind of token.
type subject struct {
	name, what string
	kind       kind
	command    []string
	env        []string
	path       string         // of the MCP endpoint
	ready      *regexp.Regexp // what it says when it listens; the first group is the address
	ops        *regexp.Regexp // the same of the listener for its metrics; nil has none
	peer       bool           // not ours; it gets fewer calls
	behind     bool           // what answers is the server of the folder floor
	address    string         // where it listens, of one that does not say so
}

// Names of the servers.
const (
	nameOurs = "whoami-server"
	nameNode = "tutorial sample"
)

// ours is whoami-server with its defaults, without a line in the log for each
// request, since the sample writes none.
func (l *lab) ours(more ...string) []*subject {
	command := append([]string{
		l.program(), "--issuer", l.provider.Issuer(), "--resource", resource, "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0",
		"--log-level", "warn", "--cache-ttl", ttl.String(),
	}, more...)
	s := subject{
		name: nameOurs, what: "this project", command: command, path: "/mcp",
		ready: regexp.MustCompile(`listening on ([0-9.:]+)`), ops: regexp.MustCompile(`operations on ([0-9.:]+)`),
	}
	opaque, jwt := s, s
	opaque.kind, jwt.kind = kindOpaque, kindJWT
	return []*subject{&opaque, &jwt}
}

// idling is whoami-server with sessions, for streams of Streamable HTTP.
func (l *lab) idling() *subject {
	return l.ours("--stateful", "--heartbeat", l.size.beat.String())[1]
}

// calls is how many calls each connection makes.
func (l *lab) calls(s *subject) int {
	if s.peer {
		return max(1, l.size.calls/l.size.slower)
	}
	return l.size.calls
}

// paired brings the subjects of one kind of token together, so that what is
// compared follows each other: A B A B.
func paired(subjects []*subject) []*subject {
	list := slices.Clone(subjects)
	slices.SortStableFunc(list, func(a, b *subject) int {
		if a.kind == b.kind {
			return 0
		}
		if a.kind == kindOpaque {
			return -1
		}
		return 1
	})
	return list
}
