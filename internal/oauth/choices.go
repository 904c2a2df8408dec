package oauth

import (
	"cmp"
	"strconv"
)

// Choices are what a person has said about an account beside its Key. They are kept
// with its login, and hold for every later one that does not say otherwise. None of
// them is a secret, a command or an address that others may reach.
type Choices struct {
	// RedirectURI is the whole redirect URI, where it is not made of the others; ""
	// for none. CallbackHost, CallbackPath and CallbackPort are where the listener
	// is; "" and 0 are the usual ones.
	RedirectURI  string `json:"redirect_uri,omitzero"`
	CallbackHost string `json:"callback_host,omitzero"`
	CallbackPath string `json:"callback_path,omitzero"`
	CallbackPort int    `json:"callback_port,omitzero"`
	// MetadataURL is the address of a client ID metadata document, used where the
	// authorization server takes one and Key.ClientID is "".
	MetadataURL string `json:"client_metadata_url,omitzero"`
	// TokenEndpoint replaces discovery where no person signs in ([WithoutPerson]).
	TokenEndpoint string `json:"token_endpoint,omitzero"`
	// IDToken puts the ID token on requests instead of the access token, for servers
	// that check that one.
	IDToken bool `json:"id_token,omitzero"`
	// Device asks for a code on another device (RFC 8628), for clients that may use
	// nothing else.
	Device bool `json:"device,omitzero"`
}

// Over returns ch, with what is kept in the place of what it does not say. How the
// answer comes is one thing, whichever way it is said.
func (ch Choices) Over(kept Choices) Choices {
	if ch.RedirectURI == "" && ch.CallbackHost == "" && ch.CallbackPath == "" && ch.CallbackPort == 0 {
		if ch.Device = ch.Device || kept.Device; !ch.Device {
			ch.RedirectURI, ch.CallbackHost, ch.CallbackPath, ch.CallbackPort = kept.RedirectURI, kept.CallbackHost, kept.CallbackPath, kept.CallbackPort
		}
	}
	ch.MetadataURL = cmp.Or(ch.MetadataURL, kept.MetadataURL)
	ch.TokenEndpoint = cmp.Or(ch.TokenEndpoint, kept.TokenEndpoint)
	ch.IDToken = ch.IDToken || kept.IDToken
	return ch
}

// Flags are the words of a command line that say ch.
func (ch Choices) Flags() (words []string) {
	port := ""
	if ch.CallbackPort != 0 {
		port = strconv.Itoa(ch.CallbackPort)
	}
	for _, flag := range []struct{ name, value string }{
		{"--redirect-uri", ch.RedirectURI},
		{"--callback-host", ch.CallbackHost},
		{"--callback-path", ch.CallbackPath},
		{"--callback-port", port},
		{"--client-metadata-url", ch.MetadataURL},
		{"--token-endpoint", ch.TokenEndpoint},
	} {
		if flag.value != "" {
			words = append(words, flag.name, flag.value)
		}
	}
	if ch.IDToken {
		words = append(words, "--id-token")
	}
	if ch.Device {
		words = append(words, "--device")
	}
	return words
}
