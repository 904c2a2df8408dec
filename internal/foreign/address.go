package foreign

import "strings"

// MaxAddress bounds what [Address] returns, in bytes. Servers take 8 KiB for a
// request line or less; a longer address is of no use to anybody.
const MaxAddress = 8192

// ShortAddress is [Address] with [MaxLine] as its bound: for an address inside one
// of our sentences, where it is read and not copied.
func ShortAddress(s string) string { return addressOf(s, MaxLine) }

// Address returns an address for people to read and copy: whatever is not
// printable ASCII, blanks, quotes, and characters that a shell acts on are
// percent-encoded (RFC 3986, section 2.1), in the host as well, where browsers
// decode them before they look the name up. Only & stays of what a shell knows,
// because it parts the members of a query, and brackets around an IPv6 address. An
// address over [MaxAddress] is cut and ends in "...".
func Address(s string) string { return addressOf(s, MaxAddress) }

func addressOf(s string, limit int) string {
	var b strings.Builder
	bracket := hostBracket(s)
	clean := 0 // s[clean:i] needs no change and is not written yet
	for i := 0; i < len(s) && b.Len()+i-clean <= limit; i++ {
		if addressByte(s, i) || i < bracket && (s[i] == '[' || s[i] == ']') {
			continue
		}
		b.WriteString(s[clean:i])
		b.WriteString("%" + string(hexDigits[s[i]>>4]) + string(hexDigits[s[i]&15]))
		clean = i + 1
	}
	if b.Len() == 0 && len(s) <= limit {
		return s
	}
	b.WriteString(s[clean:min(len(s), clean+limit+1)])
	if b.Len() <= limit {
		return b.String()
	}
	short := b.String()[:limit-len("...")]
	if at := strings.LastIndexByte(short, '%'); at > len(short)-len("%20") {
		short = short[:at] // not half of an encoded byte
	}
	return short + "..."
}

const hexDigits = "0123456789ABCDEF"

// addressByte reports whether the byte at i may stand in an address as it is. A
// percent sign may where an encoded byte follows.
func addressByte(s string, i int) bool {
	switch c := s[i]; {
	case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9':
		return true
	case c == '%':
		return i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2])
	default:
		return strings.IndexByte("-._~:/?#@&+,=", c) >= 0
	}
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// hostBracket returns where the host of an address ends, if it is an IPv6 address
// in brackets and nothing else, and 0 otherwise.
func hostBracket(s string) int {
	scheme, _, found := strings.Cut(s, "://[")
	if !found || !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https") {
		return 0
	}
	begin := len(scheme) + len("://[")
	for i := begin; i < len(s); i++ {
		switch c := s[i]; {
		case c == ']':
			return i + 1
		case !addressByte(s, i) || strings.IndexByte("/?#@&+,=", c) >= 0: // what is left may stand in a zone
			return 0
		}
	}
	return 0
}
