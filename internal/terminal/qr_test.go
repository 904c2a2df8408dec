package terminal

import (
	"strings"
	"testing"

	"rsc.io/qr"
)

// The drawn code is the encoded one: every module, and a light border.
func TestQRCodeIsDrawnWhole(t *testing.T) {
	code, err := qr.Encode("https://login.example/device?user_code=WDJB-MJHT", qr.L)
	if err != nil {
		t.Fatal(err)
	}
	text := halfBlocks(code.Size, code.Black)
	dark := func(x, y int) bool {
		line := strings.Split(text, "\n")[(y+quietZone)/2]
		line = strings.TrimSuffix(strings.TrimPrefix(line, "\x1b[30;107m"), "\x1b[0m")
		r := []rune(line)[x+quietZone]
		if (y+quietZone)%2 == 0 {
			return r == '█' || r == '▀'
		}
		return r == '█' || r == '▄'
	}
	for y := -quietZone; y < code.Size+quietZone; y++ {
		for x := -quietZone; x < code.Size+quietZone; x++ {
			if inside := x >= 0 && y >= 0 && x < code.Size && y < code.Size; dark(x, y) != (inside && code.Black(x, y)) {
				t.Fatalf("module %d,%d", x, y)
			}
		}
	}
}

// A code that the window would break into two is not printed.
func TestACodeFitsTheWindow(t *testing.T) {
	for columns, printed := range map[int]bool{0: true, 20: false, 32: false, 33: true, 80: true} {
		var b strings.Builder
		New(Config{Err: &b, ErrIsTerminal: true, Columns: func() int { return columns }}).QR("https://example.com/device?user_code=A")
		if (b.Len() > 0) != printed {
			t.Errorf("%d columns: %q", columns, b.String())
		}
	}
}
