package providers

import "strings"

// missing are the cases that fail today, by what is not built yet. It can only
// shrink: a case in it that passes is an error.
var missing = map[string]string{
	"members of the registration that a person chooses; one attempt": `
		provider/figma registration/client-uri registration/member-auth-method registration/member-redirect-uris registration/members
		registration/name-on-list registration/name-on-list-401 registration/name-on-list-as-mcp-remote registration/name-on-list-rfc
		registration/name-on-list-text registration/one-attempt switch/11-codex switch/12-name-and-scope
	`,
	"dead registrations are renewed": `
		registration/purged-after-password registration/purged-error-page registration/purged-json registration/purged-redirect-to-error
		provider/aws
	`,
	"sessions lost by 400 and 401": `
		relay/session-400-empty relay/session-400-error-object relay/session-400-not-initialized relay/session-400-python relay/session-400-text
		relay/session-400-typescript relay/session-401 relay/session-401-json server/python-older server/rust server/typescript
	`,
	"answers judged by their body, media types by the type": `
		relay/media-type-3 relay/media-type-5 relay/media-type-6 relay/media-type-stream-3 relay/no-content-type relay/no-content-type-blanks
		relay/no-content-type-everywhere relay/octet-stream relay/text-plain relay/text-plain-charset server/helidon
	`,
	"a last event without its blank line": `
		relay/last-event-after-others relay/last-event-cr relay/last-event-crlf relay/last-event-without-blank-line relay/last-event-without-line-end
	`,
	"login wherever metadata is published, --force": `
		relay/login-force relay/login-open-list
	`,
	"an expired token answered by 403 or a redirect": `
		relay/expired-302 relay/expired-303 relay/expired-403 relay/expired-403-scope
	`,
	"hints about gateways": `
		relay/gateway-302 relay/gateway-303 relay/gateway-403-page relay/gateway-login-page
	`,
}

// known is what is missing, by the case.
var known = func() map[string]string {
	all := map[string]string{}
	for reason, names := range missing {
		for _, name := range strings.Fields(names) {
			all[name] = reason
		}
	}
	return all
}()
