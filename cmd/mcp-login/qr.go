package main

import (
	"strings"

	"rsc.io/qr"
)

// quietZone is the light border a reader needs, in modules (ISO/IEC 18004 asks
// for four; two are enough on a screen).
const quietZone = 2

// qr prints address as a QR code of half blocks, dark on light whatever the
// terminal's colours are. What is too long for a screen is not printed.
func (a *app) qr(address string) {
	code, err := qr.Encode(address, qr.L)
	if err != nil || code.Size > 61 {
		return
	}
	_, _ = a.err.Write([]byte(halfBlocks(code.Size, code.Black)))
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
