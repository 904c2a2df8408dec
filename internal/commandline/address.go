package commandline

import (
	"net/netip"
	"net/url"
	"strings"
	"unicode"

	"mcp-login/internal/origin"
)

// Address returns the http or https address that text is, or was to be: without what was
// copied along, and with a scheme, which is http for this machine only. ok is false where
// text is no such address, or none that a server can have.
func Address(text string) (address string, ok bool) {
	text = bare(text)
	scheme, rest := cutScheme(text)
	for again, further := cutScheme(rest); again != ""; again, further = cutScheme(rest) { // https://https://example.com
		scheme, rest, text = again, further, rest
	}
	if scheme == "" && !looksLikeHost(rest) {
		return "", false
	}
	u, err := url.Parse("https://" + rest)
	if err != nil || !origin.ValidHost(u.Hostname()) || !origin.ValidPort(u.Port()) || u.User != nil || u.Fragment != "" {
		return "", false
	}
	if scheme == "http" && strings.HasPrefix(strings.ToLower(text), "http://") {
		return "http://" + rest, true // as it was written
	}
	if scheme != "https" && origin.Loopback(u.Hostname()) {
		return "http://" + rest, true
	}
	return "https://" + rest, true
}

// Doubtful reports whether an address that can be read as one has something in it that
// nobody means: a blank or a quotation mark at its end, or a second scheme.
func Doubtful(address string) bool {
	behind := func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsGraphic(r) || strings.ContainsRune("\"'`“”‘’<>", r)
	}
	_, rest, _ := strings.Cut(address, "://")
	return strings.TrimFunc(address, behind) != address || strings.HasPrefix(rest, "http:/") || strings.HasPrefix(rest, "https:/")
}

// bare takes off what is copied along with an address: blanks, quotation marks, brackets,
// and the punctuation of a sentence.
func bare(text string) string {
	if _, target, isLink := strings.Cut(text, "]("); isLink { // of Markdown
		text = target
	}
	along := func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsGraphic(r) || strings.ContainsRune("\"'`<>(){}«»‘’‚“”„,;", r)
	}
	text = strings.TrimRight(strings.TrimFunc(text, along), ".")
	if inside, ok := strings.CutPrefix(text, "["); ok {
		if inside, ok = strings.CutSuffix(inside, "]"); ok && !isIPv6(inside) {
			text = bare(inside)
		}
	}
	return text
}

func isIPv6(text string) bool {
	ip, err := netip.ParseAddr(text)
	return err == nil && ip.Is6()
}

// schemes are what people write in front of the address of a server, and what it is.
var schemes = map[string]string{"http": "http", "https": "https", "ws": "http", "wss": "https", "mcp": "https", "sse": "https"}

// cutScheme cuts off a scheme, also one that is misspelled or lacks a part of ://. scheme
// is http or https, "" for none.
func cutScheme(text string) (scheme, rest string) {
	letters := strings.IndexFunc(text, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsLetter(r) })
	if letters < 0 {
		letters = len(text)
	}
	word, behind := strings.ToLower(text[:letters]), text[letters:]
	rest = strings.TrimLeft(behind, `:;/\`)
	between := behind[:len(behind)-len(rest)]
	switch scheme = schemes[word]; {
	case word == "" && len(between) > 1: // "//example.com/mcp", "://example.com/mcp"
		return "", rest
	case between == "" || between == "/" || rest == "":
		return "", text
	case scheme != "":
	case strings.ContainsAny(between, `/\`) && distance(word, "https") <= 1+len(word)/5, strings.HasPrefix(word, "https"):
		scheme = "https"
	case strings.ContainsAny(between, `/\`) && distance(word, "http") <= 1:
		scheme = "http"
	default:
		return "", text
	}
	if strings.Contains(between, `\`) {
		rest = strings.ReplaceAll(rest, `\`, "/")
	}
	return scheme, rest
}

// looksLikeHost reports whether what has no scheme begins with the name of a host: one
// with a dot, one with a port, an IP address or this machine.
func looksLikeHost(text string) bool {
	host, _, _ := strings.Cut(text, "/")
	host, _, _ = strings.Cut(host, "?")
	name, port := host, false
	if at := strings.LastIndexByte(host, ':'); at >= 0 && !strings.HasSuffix(host, "]") {
		if name, port = host[:at], true; host[at+1:] == "" || !origin.ValidPort(host[at+1:]) {
			return false
		}
	}
	name = strings.ToLower(strings.Trim(name, "[]"))
	if name == "localhost" {
		return true
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	dotted := last != name && len(last) > 1 && !strings.ContainsFunc(last, func(r rune) bool { return !unicode.IsLetter(r) && r != '-' })
	return name != "" && origin.ValidHost(name) && (dotted || port)
}
