package main

import (
	"crypto"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/MicahParks/jwkset"

	"mcp-login/internal/foreign"
)

// maxSecretBytes bounds a file that has a secret or a key.
const maxSecretBytes = 16 << 10

// readSecret reads the file of an option.
func readSecret(option, path string) (string, error) {
	raw, err := foreign.ReadGiven(path, maxSecretBytes)
	if err != nil {
		return "", fmt.Errorf("%s: %w", option, err)
	}
	return strings.TrimRight(string(raw), "\r\n"), nil
}

// readKey reads a private key from a file: PEM as openssl writes it, or a JWK (RFC
// 7517), which has its kid with it. The errors repeat nothing of the file.
func readKey(option, path string) (key crypto.Signer, id string, err error) {
	text, err := readSecret(option, path)
	if err != nil {
		return nil, "", err
	}
	var found any
	if block, _ := pem.Decode([]byte(text)); block != nil {
		found, err = jwkset.LoadX509KeyInfer(block)
	} else {
		var k jwkset.JWK
		k, err = jwkset.NewJWKFromRawJSON([]byte(text), jwkset.JWKMarshalOptions{Private: true}, jwkset.JWKValidateOptions{SkipAll: true})
		found, id = k.Key(), k.Marshal().KID
	}
	key, ok := found.(crypto.Signer)
	if err != nil || !ok {
		return nil, "", errors.New(option + ": no private key, neither PEM nor a JWK")
	}
	return key, id, nil
}
