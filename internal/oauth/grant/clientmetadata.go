package grant

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mcp-login/internal/foreign"
	"mcp-login/internal/origin"
)

// ClientMetadata are the members of a registration that a person chose (RFC 7591,
// section 2), as one JSON object with its names in order; "" is none. All of them
// have an effect: they are sent when the client registers itself, scope is what is
// asked for, and redirect_uris says where to listen.
type ClientMetadata string

// maxClientMetadata bounds the object in bytes.
const maxClientMetadata = 64 << 10

// ParseClientMetadata reads such an object. A member that would weaken the login, or
// that this program cannot honour, is an error with the member's name and nothing else
// of the input. redirectURI is accepted in redirect_uris although it is not on
// loopback; "" is none.
func ParseClientMetadata(data []byte, redirectURI string) (ClientMetadata, error) {
	if len(data) > maxClientMetadata {
		return "", fmt.Errorf("it has more than %d bytes", maxClientMetadata)
	}
	o, err := foreign.ParseObject(data)
	if err != nil {
		return "", errors.New("it is no JSON object")
	}
	maps.DeleteFunc(o.Members, func(_ string, value jsontext.Value) bool { return value.Kind() == 'n' })
	for _, name := range slices.Sorted(maps.Keys(o.Members)) {
		if err := (candidate{o, redirectURI}).check(name); err != nil {
			return "", err
		}
	}
	return clientMetadataOf(o)
}

// With returns m with another member, which is text.
func (m ClientMetadata) With(name, value string) (ClientMetadata, error) {
	text, err := jsontext.AppendQuote(nil, value)
	if err != nil {
		return "", fmt.Errorf("%s is not text", name)
	}
	o := m.object()
	o.Members[name] = text
	if err := (candidate{Object: o}).check(name); err != nil {
		return "", err
	}
	return clientMetadataOf(o)
}

func clientMetadataOf(o foreign.Object) (ClientMetadata, error) {
	if len(o.Members) == 0 {
		return "", nil
	}
	b, err := json.Marshal(o.Members, json.Deterministic(true))
	if err != nil {
		return "", errors.New("it is no JSON object")
	}
	return ClientMetadata(b), nil
}

// object returns the members, none where m is damaged.
func (m ClientMetadata) object() foreign.Object {
	o, err := foreign.ParseObject([]byte(m))
	if err != nil {
		o.Members = map[string]jsontext.Value{}
	}
	return o
}

// Scope returns the scopes, separated by blanks; ok tells whether any were chosen.
func (m ClientMetadata) Scope() (scope string, ok bool) {
	o := m.object()
	return o.Text("scope"), o.Has("scope")
}

// Redirects returns the redirect URIs that are of this machine.
func (m ClientMetadata) Redirects() (list []*url.URL) {
	for _, raw := range m.object().List("redirect_uris") {
		if u, err := listenable(raw); err == nil {
			list = append(list, u)
		}
	}
	return list
}

// Unused names the members that say something about a client only while it is
// registered, in order.
func (m ClientMetadata) Unused() string {
	o := m.object()
	for _, name := range []string{"scope", "redirect_uris", "token_endpoint_auth_method"} {
		delete(o.Members, name)
	}
	return strings.Join(slices.Sorted(maps.Keys(o.Members)), ", ")
}

// Hash returns a short hash, by which what was chosen is recognized.
func (m ClientMetadata) Hash() string {
	sum := sha256.Sum256([]byte(m))
	return hex.EncodeToString(sum[:8])
}

// Flags are the words of a command line that say m.
func (m ClientMetadata) Flags() []string {
	o := m.object()
	name := o.Text("client_name")
	switch {
	case m == "":
		return nil
	case name != "" && len(o.Members) == 1:
		return []string{"--client-name", name}
	}
	return []string{"--client-metadata", string(m)}
}

// candidate is an object under check, with the redirect URI that is accepted beside
// those on loopback.
type candidate struct {
	foreign.Object
	redirectURI string
}

// chosenMembers has the check of each known member; others go to the provider
// unchecked. name# is the member with a language tag, as client_name#de (RFC 7591,
// section 2.2).
var chosenMembers = map[string]func(o candidate, name string) error{
	"client_name": candidate.isText, "client_name#": candidate.isText,
	"client_uri": candidate.isAddress, "client_uri#": candidate.isAddress,
	"logo_uri": candidate.isAddress, "logo_uri#": candidate.isAddress,
	"tos_uri": candidate.isAddress, "tos_uri#": candidate.isAddress,
	"policy_uri": candidate.isAddress, "policy_uri#": candidate.isAddress,
	"software_id": candidate.isText, "software_version": candidate.isText, "software_statement": candidate.isText,
	"scope": candidate.isText, "application_type": candidate.isText, "contacts": candidate.isList,

	"redirect_uris": candidate.isListenable, "response_types": candidate.isCode, "grant_types": candidate.isKnownGrants, "token_endpoint_auth_method": candidate.isMethod,
	"jwks": candidate.isKey, "jwks_uri": candidate.isKey,

	"dpop_bound_access_tokens": candidate.mustBeFalse, "tls_client_certificate_bound_access_tokens": candidate.mustBeFalse,
	"require_pushed_authorization_requests": candidate.mustBeFalse, "require_signed_request_object": candidate.mustBeFalse,

	"client_id": candidate.isSetByProvider, "client_secret": candidate.isSetByProvider, "client_id_issued_at": candidate.isSetByProvider, "client_secret_expires_at": candidate.isSetByProvider,
	"registration_access_token": candidate.isSetByProvider, "registration_client_uri": candidate.isSetByProvider,
}

// check judges one member. A name that differs from a known one only in case,
// underscores or a final s is refused: a lenient provider would read it as that member.
func (o candidate) check(name string) error {
	base, _, tagged := strings.Cut(name, "#")
	known := base
	if tagged {
		known += "#"
	}
	if check := chosenMembers[known]; check != nil {
		return check(o, name)
	}
	for other := range chosenMembers {
		if folded(other) == folded(base) {
			return fmt.Errorf("one of its members is to be written as %s", strings.TrimSuffix(other, "#"))
		}
	}
	return nil
}

// folded is a name without case, underscores and a final s.
func folded(name string) string {
	return strings.TrimRight(strings.ToLower(strings.ReplaceAll(name, "_", "")), "s#")
}

func (o candidate) isText(name string) error {
	if o.Members[name].Kind() != '"' {
		return fmt.Errorf("%s is not text", name)
	}
	return nil
}

func (o candidate) isAddress(name string) error {
	u, err := url.Parse(o.Text(name))
	if o.isText(name) != nil || err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return fmt.Errorf("%s is not the address of a page", name)
	}
	return nil
}

// isList replaces a single string by a list of one.
func (o candidate) isList(name string) error {
	list := []string{o.Text(name)}
	if o.Members[name].Kind() != '"' && json.Unmarshal(o.Members[name], &list) != nil || len(list) == 0 || slices.Contains(list, "") {
		return fmt.Errorf("%s is not a list of texts", name)
	}
	b, err := json.Marshal(list)
	if err != nil {
		return fmt.Errorf("%s is not a list of texts", name)
	}
	o.Members[name] = b
	return nil
}

func (o candidate) isListenable(name string) error {
	if err := o.isList(name); err != nil {
		return err
	}
	for _, raw := range o.List(name) {
		if _, err := listenable(raw); err != nil && raw != o.redirectURI {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// listenable reads a redirect URI at which this program can listen (RFC 8252,
// section 7.3).
func listenable(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Scheme != "http" || !slices.Contains([]string{"127.0.0.1", "localhost", "::1"}, u.Hostname()):
		return nil, errors.New("the answer is received on this machine only, at http://127.0.0.1, http://localhost or http://[::1]; --redirect-uri takes another one, from where the answer is pasted")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(raw, "#"):
		return nil, errors.New("it has a user name, a query or a fragment")
	case !origin.ValidPort(u.Port()) || strings.HasSuffix(u.Host, ":") || u.Path == "":
		return nil, errors.New("it has no possible port, or no path")
	}
	return u, nil
}

func (o candidate) isCode(name string) error {
	if err := o.isList(name); err != nil || !slices.Equal(o.List(name), []string{"code"}) {
		return fmt.Errorf("%s can only be code", name)
	}
	return nil
}

func (o candidate) isKnownGrants(name string) error {
	first := []string{typeCode, TypeDevice}
	err := o.isList(name)
	rest := slices.DeleteFunc(o.List(name), func(grant string) bool { return grant == "refresh_token" })
	if err != nil || len(rest) == 0 || slices.ContainsFunc(rest, func(grant string) bool { return !slices.Contains(first, grant) }) {
		return fmt.Errorf("%s can only be of %s, refresh_token, and not the last alone", name, strings.Join(first, ", "))
	}
	return nil
}

func (o candidate) isMethod(name string) error {
	possible := []string{authNone, authBasic, authPost}
	if o.isText(name) != nil || !slices.Contains(possible, o.Text(name)) {
		return fmt.Errorf("%s can only be one of %s; a client with a key is registered by hand: --client-id and --client-key", name, strings.Join(possible, ", "))
	}
	return nil
}

func (o candidate) isKey(name string) error {
	return fmt.Errorf("%s is unusable without the private key; a client with one is registered by hand: --client-id and --client-key", name)
}

func (o candidate) mustBeFalse(name string) error {
	if o.Flag(name) || o.Faults[name] != nil {
		return fmt.Errorf("%s demands what this program does not do", name)
	}
	return nil
}

func (o candidate) isSetByProvider(name string) error {
	return fmt.Errorf("%s is what a provider answers to a registration; name a client that is registered with --client-id", name)
}
