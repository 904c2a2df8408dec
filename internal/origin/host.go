package origin

import (
	"net/netip"
	"strconv"
	"strings"
)

const alphanumeric = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// ValidHost reports whether host is a host name of letters, digits, hyphens, dots and
// underscores, or an IP literal: characters that look like a dot or a letter are
// neither. Names that a browser takes for an IPv4 address are not valid, since a
// resolver takes them for names.
func ValidHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return !endsInNumber(host) && strings.Trim(host, alphanumeric+"-._") == "" &&
		!strings.HasPrefix(host, ".") && !strings.Contains(host, "..")
}

// endsInNumber reports whether a browser takes host for an IPv4 address: the last
// label is a number, in whatever base (URL Standard, "ends in a number"). 0x7f.1,
// 2130706433 and 127.0.0.1. are this machine to a browser.
func endsInNumber(host string) bool {
	host = strings.TrimSuffix(host, ".")
	last := host[strings.LastIndexByte(host, '.')+1:]
	if last != "" && strings.Trim(last, "0123456789") == "" {
		return true
	}
	digits, hex := strings.CutPrefix(strings.ToLower(last), "0x")
	return hex && strings.Trim(digits, "0123456789abcdef") == ""
}

// ValidPort reports whether port is none, or a number from 1 to 65535.
func ValidPort(port string) bool {
	if port == "" {
		return true
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}
