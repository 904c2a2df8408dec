package terminal

import (
	"strings"

	"rsc.io/qr"

	"mcp-login/internal/foreign"
)

// quietZone is the light border around the code, in modules. ISO/IEC 18004 asks for
// four; two suffice on a screen.
const quietZone = 2

// maxCode is the largest QR code that is printed, in modules: it must fit on a screen.
const maxCode = 61

// QR prints an address as a QR code of half blocks on stderr, dark on light
// whatever the terminal's colours are. What is too large for a screen or for the
// window is not printed, nor anything where there is no terminal.
func (t *Terminal) QR(address string) {
	code, err := qr.Encode(foreign.Address(address), qr.L)
	if err != nil || code.Size > maxCode || !t.config.ErrIsTerminal {
		return
	}
	if window := t.columns(true); window > 0 && code.Size+2*quietZone > window {
		return
	}
	t.write(t.stderr(), halfBlocks(code.Size, code.Black))
}

// halfBlocks draws two rows of modules in one line of text.
func halfBlocks(size int, dark func(x, y int) bool) string {
	var b strings.Builder
	for y := -quietZone; y < size+quietZone; y += 2 {
		b.WriteString("\x1b[30;107m")
		for x := -quietZone; x < size+quietZone; x++ {
			switch upper, lower := dark(x, y), dark(x, y+1); {
			case upper && lower:
				b.WriteRune('█')
			case upper:
				b.WriteRune('▀')
			case lower:
				b.WriteRune('▄')
			default:
				b.WriteByte(' ')
			}
		}
		b.WriteString("\x1b[0m\n")
	}
	return b.String()
}
