package hints

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"net/http"
	"time"
)

// expired presents a certificate whose time is over.
func expired(*tls.ClientHelloInfo) (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	one := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(-24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	signed, err := x509.CreateCertificate(rand.Reader, one, one, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{signed}, PrivateKey: key}}}, nil
}

// unfit ends the handshake.
func unfit(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, errors.New("unfit") }

// Networks of their own: one without any way out, and one in which nothing answers.
const (
	offline = `unshare -rn `
	silent  = `unshare -rn sh -c 'ip link set lo up; ip route add 192.0.2.0/24 dev lo; exec "$@"' - `
)

// relayed is a proxy that leads to something that is no MCP server: who is told so has
// reached it.
func relayed(w *world) {
	w.site = http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusTeapot) })
}

// ofReach are the hints about what stands between this machine and a host.
func ofReach() []row {
	const away = `https://192.0.2.1/mcp`
	const proxied = `export HTTPS_PROXY=http://$HOST; mcp-login tools ` + away
	renewed := func(w *world) { w.presents = nil }
	return []row{
		{hint: "check the clock of this machine; if it is right, the host's operator has to renew the certificate", presents: expired, when: `mcp-login tools --ca-file $CA $TLS/mcp`, mend: renewed, does: `mcp-login tools --ca-file $CA $TLS/mcp`},
		{hint: "check the address and the network; the next request tries again", presents: unfit, when: `mcp-login tools --ca-file $CA $TLS/mcp`, mend: renewed, does: `mcp-login tools --ca-file $CA $TLS/mcp`},
		{hint: "is this machine online? A VPN or a proxy (HTTPS_PROXY) may be needed", needs: offline + "true", when: offline + `mcp-login tools ` + away, mend: relayed, does: proxied, still: "teapot"},
		{hint: "is this machine online? The next request tries again", needs: offline + "true", when: offline + `mcp-login tools https://server.invalid/mcp`, does: `mcp-login tools https://server.invalid/mcp`, still: "no such host"},
		{hint: "is there a firewall in between? A proxy is set with HTTPS_PROXY", needs: silent + "true", when: silent + `mcp-login tools --connect-timeout 1s ` + away, mend: relayed, does: proxied, still: "teapot"},
		{hint: "look at HTTPS_PROXY, HTTP_PROXY and NO_PROXY", when: `export HTTPS_PROXY=http://me:100%@$HOST; mcp-login doctor https://server.invalid/mcp`, mend: relayed, does: `export HTTPS_PROXY=http://me:100%25@$HOST; mcp-login doctor https://server.invalid/mcp`, still: "PASS  proxy"},
	}
}
