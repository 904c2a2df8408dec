package protover

import (
	"context"
	"errors"
	"slices"
	"strings"

	"mcp-login/internal/foreign"
	"mcp-login/internal/jsonrpc"
)

// probeResult is what a probe has shown.
type probeResult struct {
	support Support         // Unknown when it proved nothing
	answer  jsonrpc.Message // to the probe, when there was one
	err     error           // why the client's request must not be sent either
}

// probe asks the server what it speaks (MCP 2026-07-28, Versioning). server/discover is the
// probe, because every server of 2026-07-28 answers it, and none that expects a session.
// Logins, outages and silence prove nothing.
func (a *Adapter) probe(ctx context.Context, probe jsonrpc.Message) probeResult {
	for again := false; ; again = true {
		code, answer, err := a.cfg.Server.Probe(ctx, probe)
		found := judge(ctx, code, answer, err)
		if again || errorCode(found.answer.Error) != codeUnsupportedVersion || found.err != nil {
			return found
		}
		// Refused for its revision although the server knows it: once more,
		// because the answer says that it would be taken.
		if !slices.Contains(texts(jsonrpc.Member(answer.Error, "data", "supported")), jsonrpc.Stateless) {
			return found
		}
		probe = probe.WithID(jsonrpc.NewID("discover"))
	}
}

// judge draws the conclusion from one probe.
func judge(ctx context.Context, code int, answer jsonrpc.Message, err error) probeResult {
	switch {
	case ctx.Err() != nil:
		return probeResult{err: context.Cause(ctx)}
	case answer.Result != nil:
		return discovered(answer)
	case refusesAnyRequest(code):
		return probeResult{answer: answer, err: asError(answer, err)}
	case answer.Error != nil && fromStatelessServer(answer.Error):
		return refused(answer)
	case answer.Error != nil && code != 500 && code != 501:
		return probeResult{support: Sessions, answer: answer}
	case answer.Error != nil:
		return probeResult{answer: answer}
	case notSupported(err):
		return probeResult{support: Sessions}
	case status(err) != 0 || silent(err):
		// Something answered, or took the probe and kept silent: the client's
		// own request may fare better, but nothing is proven.
		return probeResult{}
	}
	return probeResult{err: err}
}

// discovered reads a result of server/discover.
func discovered(answer jsonrpc.Message) probeResult {
	raw := jsonrpc.Member(answer.Result, "supportedVersions")
	if raw == nil {
		return probeResult{support: Sessions, answer: answer} // somebody who answers everything
	}
	return listed(answer, texts(raw))
}

// refused reads an error that only a server of 2026-07-28 or later gives.
func refused(answer jsonrpc.Message) probeResult {
	if errorCode(answer.Error) != codeUnsupportedVersion {
		return probeResult{support: Stateless, answer: answer}
	}
	found := listed(answer, texts(jsonrpc.Member(answer.Error, "data", "supported")))
	if found.support == Both {
		found.support = Stateless
	}
	return found
}

// listed is what an answer proves in which a server lists its revisions.
func listed(answer jsonrpc.Message, revisions []string) probeResult {
	found := probeResult{answer: answer}
	sessions := slices.ContainsFunc(revisions, jsonrpc.KeepsSession)
	switch stateless := slices.Contains(revisions, jsonrpc.Stateless); {
	case stateless && sessions:
		found.support = Both
	case stateless:
		found.support = Stateless
	case sessions:
		found.support = Sessions
	default:
		found.err = noCommonRevision(revisions)
	}
	return found
}

func noCommonRevision(list []string) error {
	ours := append(slices.Clone(jsonrpc.SessionRevisions), jsonrpc.Stateless)
	return newFailure("the server speaks only other protocol revisions ("+strings.Join(list, ", ")+") than this bridge ("+strings.Join(ours, ", ")+")", "update mcp-login")
}

// refusesAnyRequest reports whether a status is about the client's rights or
// the server's state. The client's own request would meet the same.
func refusesAnyRequest(code int) bool {
	switch code {
	case 401, 403, 407, 408, 425, 429, 502, 503, 504:
		return true
	}
	return false
}

// asError makes an error of a refusal: err, or the server's own words.
func asError(answer jsonrpc.Message, err error) error {
	if err != nil {
		return err
	}
	text, _ := jsonrpc.Text(jsonrpc.Member(answer.Error, "message"))
	return newFailure("the server refused: "+foreign.Quote(text), "")
}

// silent reports whether the server took the probe and said nothing.
func silent(err error) bool {
	var quiet interface{ Silent() bool }
	return errors.As(err, &quiet) && quiet.Silent()
}
