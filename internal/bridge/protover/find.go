package protover

import (
	"context"
	"errors"
	"slices"
	"strings"

	"mcp-login/internal/jsonrpc"
)

// finding is what a probe has shown.
type finding struct {
	speaks Speaks          // Unknown when it proved nothing
	answer jsonrpc.Message // to the probe, when there was one
	err    error           // why the client's request must not be sent either
}

// find asks the server what it speaks. server/discover is the probe, because
// every server of 2026-07-28 answers it, and none that expects a session
// (E2, T3). Logins, outages and silence prove nothing (E8).
func (l *Link) find(ctx context.Context, probe jsonrpc.Message) finding {
	for again := false; ; again = true {
		code, answer, err := l.cfg.Server.Probe(ctx, probe)
		found := l.judge(ctx, code, answer, err)
		if again || errorCode(found.answer.Error) != codeUnsupportedVersion || found.err != nil {
			return found
		}
		// Refused for its revision although the server knows it: once more,
		// because the answer says that it would be taken (W5).
		if !slices.Contains(texts(jsonrpc.Member(answer.Error, "data", "supported")), jsonrpc.Stateless) {
			return found
		}
		probe = withID(probe, jsonrpc.NewID("discover"))
	}
}

// judge draws the conclusion from one probe.
func (l *Link) judge(ctx context.Context, code int, answer jsonrpc.Message, err error) finding {
	switch {
	case ctx.Err() != nil:
		return finding{err: context.Cause(ctx)}
	case answer.Result != nil:
		return l.discovered(answer)
	case refusesEverybody(code):
		return finding{answer: answer, err: asError(answer, err)}
	case answer.Error != nil && recognised(answer.Error):
		return l.refused(answer)
	case answer.Error != nil && code != 500 && code != 501:
		return finding{speaks: Sessions, answer: answer}
	case answer.Error != nil:
		return finding{answer: answer}
	case unsupported(err):
		return finding{speaks: Sessions}
	case status(err) != 0 || silent(err):
		// Something answered, or took the probe and kept silent: the client's
		// own request may fare better, but nothing is proven.
		return finding{}
	}
	return finding{err: err}
}

// discovered reads a result of server/discover.
func (l *Link) discovered(answer jsonrpc.Message) finding {
	raw := jsonrpc.Member(answer.Result, "supportedVersions")
	list := texts(raw)
	switch {
	case raw == nil:
		return finding{speaks: Sessions, answer: answer} // somebody who answers everything
	case slices.Contains(list, jsonrpc.Stateless) && hasSession(list):
		return finding{speaks: Both, answer: answer}
	case slices.Contains(list, jsonrpc.Stateless):
		return finding{speaks: Stateless, answer: answer}
	case hasSession(list):
		return finding{speaks: Sessions, answer: answer}
	}
	return finding{answer: answer, err: l.noCommon(list)}
}

// refused reads an error that only a server of 2026-07-28 or later gives.
func (l *Link) refused(answer jsonrpc.Message) finding {
	if errorCode(answer.Error) == codeUnsupportedVersion {
		list := texts(jsonrpc.Member(answer.Error, "data", "supported"))
		switch {
		case slices.Contains(list, jsonrpc.Stateless):
			return finding{speaks: Stateless, answer: answer}
		case hasSession(list):
			return finding{speaks: Sessions, answer: answer}
		}
		return finding{answer: answer, err: l.noCommon(list)}
	}
	return finding{speaks: Stateless, answer: answer}
}

func (l *Link) noCommon(list []string) error {
	return &Error{
		Text: "the server speaks only other protocol revisions (" + strings.Join(list, ", ") + ") than this bridge (" + strings.Join(append(jsonrpc.SessionRevisions[:len(jsonrpc.SessionRevisions):len(jsonrpc.SessionRevisions)], jsonrpc.Stateless), ", ") + ")",
		Hint: "update mcp-login",
	}
}

// refusesEverybody reports whether a status is about the client's rights or
// the server's state. The client's own request would meet the same.
func refusesEverybody(code int) bool {
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
