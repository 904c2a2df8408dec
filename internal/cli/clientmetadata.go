package cli

import (
	"fmt"
	"strings"

	"mcp-login/internal/oauth/grant"
)

// chosen are the members of the registration that the person has chosen:
// --client-metadata, and its short forms, which win.
func (o *options) chosen() (grant.ClientMetadata, error) {
	chosen, err := readClientMetadata(o.clientMetadata, o.RedirectURI)
	if err != nil {
		return "", fmt.Errorf("--client-metadata: %w", err)
	}
	for _, short := range []struct{ flag, name, value string }{{"client-name", "client_name", o.clientName}, {"client-uri", "client_uri", o.clientURI}} {
		if short.value == "" {
			continue
		}
		if chosen, err = chosen.With(short.name, short.value); err != nil {
			return "", fmt.Errorf("--%s: %w", short.flag, err)
		}
	}
	return chosen, nil
}

// readClientMetadata reads JSON, or the file behind an @; "" is none. redirectURI is
// --redirect-uri.
func readClientMetadata(value, redirectURI string) (grant.ClientMetadata, error) {
	data := []byte(value)
	if path, isFile := strings.CutPrefix(value, "@"); isFile {
		var err error
		if data, err = readFlagFile(path); err != nil {
			return "", err
		}
	}
	if value == "" {
		return "", nil
	}
	return grant.ParseClientMetadata(data, redirectURI)
}
