package main

import (
	"crypto"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/MicahParks/jwkset"

	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
)

// maxSecretBytes bounds a file that has a secret or a key.
const maxSecretBytes = 16 << 10

// readSecret reads the file of an option, which has something in it.
func readSecret(option, path string) (string, error) {
	raw, err := foreign.ReadGiven(path, maxSecretBytes)
	secret := strings.TrimRight(string(raw), "\r\n")
	if err == nil && secret == "" {
		err = fmt.Errorf("%s is empty", path)
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", option, err)
	}
	return secret, nil
}

// secretOf is a secret that an environment variable has as value, or the file of an option;
// "" where neither is given. next is what to do about a file that has none.
func secretOf(variable, value, option, path, next string) (string, error) {
	switch {
	case path == "":
		return value, nil
	case value != "":
		return "", hint.With(fmt.Errorf("%s: %s is set too", option, variable), keepOne)
	}
	secret, err := readSecret(option, path)
	if err != nil {
		err = hint.With(err, next)
	}
	return secret, err
}

// keepOne is what to do about a secret that is given twice.
const keepOne = "keep one of them"

// readKey reads a private key from a file: PEM as openssl writes it, which may put other
// blocks in front (RFC 7468 section 2), or a JWK (RFC 7517), which has its kid with it. The
// errors repeat nothing of the file.
func readKey(option, path string) (key crypto.Signer, id string, err error) {
	text, err := readSecret(option, path)
	if err != nil {
		return nil, "", err
	}
	var found any
	block, rest := pem.Decode([]byte(text))
	if block == nil {
		var k jwkset.JWK
		k, err = jwkset.NewJWKFromRawJSON(rest, jwkset.JWKMarshalOptions{Private: true}, jwkset.JWKValidateOptions{SkipAll: true})
		found, id = k.Key(), k.Marshal().KID
	}
	for ; block != nil; block, rest = pem.Decode(rest) {
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			found, err = jwkset.LoadX509KeyInfer(block)
			break
		}
	}
	key, ok := found.(crypto.Signer)
	if err != nil || !ok {
		return nil, "", errors.New(option + ": no private key, neither PEM nor a JWK")
	}
	return key, id, nil
}
