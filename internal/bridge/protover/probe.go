package protover

import (
	"context"
	"errors"
	"slices"
	"strings"

	"mcp-login/internal/jsonrpc"
)

// probeResult is what a probe has shown.
type probeResult struct {
	support Support         // Unknown when it proved nothing
	answer  jsonrpc.Message // to the probe, when there was one
	err     error           // why the client's request must not be sent either
}

// probe asks the server what it speaks. server/discover is the probe, because
// every server of 2026-07-28 answers it, and none that expects a session
// . Logins, outages and silence prove nothing.
func (l *Adapter) probe(ctx context.Context, probe jsonrpc.Message) probeResult {
	for again := false; ; again = true {
		code, answer, err := l.cfg.Server.Probe(ctx, probe)
		found := l.judge(ctx, code, answer, err)
		if again || errorCode(found.answer.Error) != codeUnsupportedVersion || found.err != nil {
			return found
		}
		// Refused for its revision although the server knows it: once more,
		// because the answer says that it would be taken.
		if !slices.Contains(texts(jsonrpc.Member(answer.Error, "data", "supported")), jsonrpc.Stateless) {
			return found
		}
		probe = withID(probe, jsonrpc.NewID("discover"))
	}
}

// judge draws the conclusion from one probe.
func (l *Adapter) judge(ctx context.Context, code int, answer jsonrpc.Message, err error) probeResult {
	switch {
	case ctx.Err() != nil:
		return probeResult{err: context.Cause(ctx)}
	case answer.Result != nil:
		return l.discovered(answer)
	case refusesAnyRequest(code):
		return probeResult{answer: answer, err: asError(answer, err)}
	case answer.Error != nil && fromStatelessServer(answer.Error):
		return l.refused(answer)
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
func (l *Adapter) discovered(answer jsonrpc.Message) probeResult {
	raw := jsonrpc.Member(answer.Result, "supportedVersions")
	list := texts(raw)
	switch {
	case raw == nil:
		return probeResult{support: Sessions, answer: answer} // somebody who answers everything
	case slices.Contains(list, jsonrpc.Stateless) && namesSession(list):
		return probeResult{support: Both, answer: answer}
	case slices.Contains(list, jsonrpc.Stateless):
		return probeResult{support: Stateless, answer: answer}
	case namesSession(list):
		return probeResult{support: Sessions, answer: answer}
	}
	return probeResult{answer: answer, err: l.noCommonRevision(list)}
}

// refused reads an error that only a server of 2026-07-28 or later gives.
func (l *Adapter) refused(answer jsonrpc.Message) probeResult {
	if errorCode(answer.Error) == codeUnsupportedVersion {
		list := texts(jsonrpc.Member(answer.Error, "data", "supported"))
		switch {
		case slices.Contains(list, jsonrpc.Stateless):
			return probeResult{support: Stateless, answer: answer}
		case namesSession(list):
			return probeResult{support: Sessions, answer: answer}
		}
		return probeResult{answer: answer, err: l.noCommonRevision(list)}
	}
	return probeResult{support: Stateless, answer: answer}
}

func (l *Adapter) noCommonRevision(list []string) error {
	return &Error{
		Text: "the server speaks only other protocol revisions (" + strings.Join(list, ", ") + ") than this bridge (" + strings.Join(append(jsonrpc.SessionRevisions[:len(jsonrpc.SessionRevisions):len(jsonrpc.SessionRevisions)], jsonrpc.Stateless), ", ") + ")",
		Hint: "update mcp-login",
	}
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
	return &Error{Text: "the server refused: " + text}
}

// silent reports whether the server took the probe and said nothing.
func silent(err error) bool {
	var quiet interface{ Silent() bool }
	return errors.As(err, &quiet) && quiet.Silent()
}
