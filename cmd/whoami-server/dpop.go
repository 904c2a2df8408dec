package main

import (
	"errors"
	"flag"
	"fmt"
	"slices"

	"mcp-login/bearer"
)

// dpopOptions are those about tokens that are bound to a key (RFC 9449).
type dpopOptions struct {
	use, secretFile string
	nonce           bool
}

// The values of --dpop.
const (
	dpopOff     = "off"
	dpopAccept  = "accept"
	dpopRequire = "require"
)

var dpopUse = kind[string]{parse: func(text string) (string, error) {
	if !slices.Contains([]string{dpopOff, dpopAccept, dpopRequire}, text) {
		return "", errRange
	}
	return text, nil
}, what: "off, accept or require", next: "write off, accept or require"}

func (o *options) dpopFlags(fs *flag.FlagSet) {
	d := &o.dpop
	setting(o, fs, &d.use, dpopUse, "dpop", dpopOff, "`tokens` that are bound to a key (RFC 9449): off refuses them, accept takes them with a proof beside others, require takes no others")
	setting(o, fs, &d.nonce, boolean, "dpop-nonce", "false", "take proofs only with a nonce of this server, not only from clients whose clock is a minute off")
	text(fs, &d.secretFile, "dpop-secret-file", "", "`file` with a secret that all replicas have, of 32 bytes or more, for nonces with --bus; empty: that of --gateway-secret-file, or a random one")
}

// parseDPoP judges the options about bound tokens. It comes after those of the gateway.
func (o *options) parseDPoP(wrong func(string, error)) {
	d := &o.dpop
	if d.use != dpopAccept && d.use != dpopRequire {
		for name, given := range map[string]bool{"dpop-nonce": d.nonce, "dpop-secret-file": d.secretFile != ""} {
			if given && d.use == dpopOff {
				wrong("give --dpop accept or --dpop require, or leave it out", fmt.Errorf("%s: there is no DPoP", name))
			}
		}
		return
	}
	if o.logto.tenant != "" && d.use == dpopRequire {
		wrong("leave out --dpop: Logto binds no token to a key", errors.New("dpop: with require nobody who signs in at Logto could call"))
	}
	if d.secretFile != "" && o.busURL == "" {
		wrong("give --bus as well, or leave it out", errors.New("dpop-secret-file: without a bus a replica takes no nonces but its own"))
	}
	secret, err := sharedSecret("dpop-secret-file", d.secretFile)
	wrong("make one, which whoami-server may read: openssl rand -base64 48 > dpop-secret", err)
	if u := o.config.Upstream; d.secretFile == "" && u != nil {
		secret = u.Secret
	}
	if secret == nil && err == nil && o.busURL != "" {
		wrong("give all replicas the same --dpop-secret-file", errors.New("bus: without a secret no replica takes the nonces of another"))
	}
	o.config.DPoP = &bearer.DPoP{Required: d.use == dpopRequire, NonceRequired: d.nonce, NonceSecret: secret}
}
