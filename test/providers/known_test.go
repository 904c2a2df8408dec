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
