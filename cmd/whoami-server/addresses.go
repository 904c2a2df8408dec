package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"

	"mcp-login/bearer"
	"mcp-login/internal/hint"
	"mcp-login/internal/origin"
)

// devHint is what to do about an address of --dev that others can reach.
const devHint = "use 127.0.0.1: the provider of --dev lets anybody in"

// keepToThisMachine refuses every address of --dev that others can reach, or are
// to reach through a proxy. Names are judged by what they say; what they turn out
// to be is seen once they are bound.
func (o *options) keepToThisMachine(wrong func(string, error)) {
	for _, a := range []struct{ name, address string }{
		{"listen", o.listen}, {"dev-listen", o.devListen}, {"ops-listen", o.opsListen},
	} {
		host, err := checkAddress(a.name, a.address, "")
		if a.address != "" && err == nil && !origin.Loopback(host) {
			wrong(devHint, fmt.Errorf("%s: %s is not a loopback address", a.name, a.address))
		}
	}
	for _, resource := range words(o.resource) {
		if u, err := url.Parse(resource); err == nil && !origin.Loopback(u.Hostname()) {
			wrong(devHint, fmt.Errorf("resource: %s is not on a loopback address", u.Redacted()))
		}
	}
}

func (o *options) parseAddresses(wrong func(string, error)) {
	host, err := checkAddress("listen", o.listen, "3001")
	wrong("", err)
	if o.resource == "" {
		if err == nil && !o.dev && !origin.Loopback(host) {
			wrong("give the public URL that clients use, e.g. --resource https://mcp.example.com/mcp",
				fmt.Errorf("resource: missing, and %s is not a loopback address", o.listen))
		}
		return
	}
	for k, resource := range words(o.resource) {
		u := parseResource(resource, wrong)
		if k == 0 {
			o.config.Resource = u
		} else {
			o.others = append(o.others, u)
		}
	}
}

// keepApart refuses addresses that cannot be had together.
func (o *options) keepApart(wrong func(string, error)) {
	type named struct{ name, address string }
	all := []named{{"listen", o.listen}, {"ops-listen", o.opsListen}}
	if o.dev {
		all = append(all, named{"dev-listen", o.devListen})
	}
	for k, one := range all {
		for _, other := range all[:k] {
			if clash(one.address, other.address) {
				wrong("give each a port of its own", fmt.Errorf("%s: %s is taken by --%s %s", one.name, one.address, other.name, other.address))
			}
		}
	}
}

// clash reports whether only one of two addresses can be had. One without a host, or with that
// of all interfaces, takes its port of all (package net).
func clash(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	everywhere := func(host string) bool { return host == "" || net.ParseIP(host).IsUnspecified() }
	return errA == nil && errB == nil && portA == portB && portA != "0" && (hostA == hostB || everywhere(hostA) || everywhere(hostB))
}

func parseResource(resource string, wrong func(string, error)) *url.URL {
	const next = "give the public URL that clients use, e.g. https://mcp.example.com/mcp"
	u, err := url.Parse(resource)
	if err != nil {
		wrong(next, errors.New("resource: not a URL")) // the reason may show a password
		return nil
	}
	if u.String() != resource {
		// Tokens are compared with it byte for byte, so there must be one
		// spelling.
		wrong("write "+u.String(), fmt.Errorf("resource %s: not in its normal form", u.Redacted()))
		return nil
	}
	wrong(next, bearer.CheckIdentifier("resource", resource))
	return u
}

// checkAddress takes an address to listen on apart. usual is the port of the example.
func checkAddress(name, address, usual string) (host string, err error) {
	next := "write host:port, e.g. 127.0.0.1:" + usual
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		if isNumber(address) {
			next = "write 127.0.0.1:" + address
		}
		return "", hint.With(fmt.Errorf("%s: %q is not host:port", name, address), next)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", hint.With(fmt.Errorf("%s: %q is not a port", name, port), next)
	}
	return host, nil
}
