package main

import (
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// maxPicture is what the recording may weigh: README loads it for everybody.
const maxPicture = 60_000

// tag is markup; the title and the style are no lines.
var tag = regexp.MustCompile(`<[^>]*>`)

// lineOf is a line of the picture.
var lineOf = regexp.MustCompile(`(?m)^<g [^>]*>(.*)</g>$`)

// varying is what is another one in each run: how long something took, with the blanks in
// front of it, other numbers, and what the provider makes up.
var varying = regexp.MustCompile(`"[A-Za-z0-9_-]{22}"| +[\d.]+ m?s$|\d+`)

// The recording in README shows what the demo prints today, but for numbers and identifiers.
func TestRecordingIsOfToday(t *testing.T) {
	picture, err := os.ReadFile(filepath.Join("..", "..", "docs", "images", "demo.svg"))
	if err != nil {
		t.Fatal(err)
	}
	if len(picture) > maxPicture {
		t.Errorf("the picture has %d bytes; at most %d", len(picture), maxPicture)
	}
	program, err := build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	lines, err := record(exec.CommandContext(t.Context(), program, "-auto"))
	if err != nil {
		t.Fatal(err)
	}
	want, got := drawnText(string(draw(demo, lines))), drawnText(strings.ReplaceAll(string(picture), "\r\n", "\n"))
	if want != got {
		t.Errorf("docs/images/demo.svg shows\n%s\nthe demo prints\n%s\nif that is wanted: go run ./test/cast", got, want)
	}
}

// drawnText is what a picture says, without numbers.
func drawnText(svg string) string {
	var b strings.Builder
	for _, m := range lineOf.FindAllStringSubmatch(svg, -1) {
		b.WriteString(varying.ReplaceAllString(html.UnescapeString(tag.ReplaceAllString(m[1], "")), "0") + "\n")
	}
	return b.String()
}

// A terminal's screen: lines that are drawn again, colours, a full line.
func TestScreen(t *testing.T) {
	for _, c := range [][2]string{
		{"a\r\nb", "a\nb\n"},
		{"one\rtwo\x1b[K\r\n", "two\n"},
		{"long line\r\x1b[2Kx", "x\n"},
		{"a\r\nb\r\n\x1b[2A\x1b[Jc", "c\n"},
		{"\x1b[1;32mgreen\x1b[0m \x1b]0;title\aend", "green end\n"},
		{"é\b\x1b[Cx", "éx\n"},
		{strings.Repeat("x", columns) + "y", strings.Repeat("x", columns) + "\ny\n"},
	} {
		in, want := c[0], c[1]
		s := newScreen()
		s.write(in)
		if got := text(s.lines); got != want {
			t.Errorf("%q is shown as %q instead of %q", in, got, want)
		}
	}
}

// Two runs with other ports make the same picture, and nothing in it is markup of the
// program.
func TestPicture(t *testing.T) {
	made := func(a, b string) string {
		s := newScreen()
		s.write("at 127.0.0.1:" + a + " <b>\r\nfrom 127.0.0.1:" + b + " to 127.0.0.1:" + a + "\r\n\r\n")
		return string(draw("x & y", s.lines))
	}
	one, two := made("40001", "40002"), made("51234", "39999")
	if one != two {
		t.Error("two runs make two pictures")
	}
	if got := drawnText(one); got != "$ x & y\nat 0.0.0.0:0 <b>\nfrom 0.0.0.0:0 to 0.0.0.0:0\n" || strings.Contains(one, "<b>") {
		t.Errorf("%q", got)
	}
}
