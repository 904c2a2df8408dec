package commandline

import (
	"strings"
	"time"
	"unicode"
)

// units are what people write for the units of time.Duration.
var units = map[string]string{
	"ms": "ms", "msec": "ms", "millis": "ms", "milliseconds": "ms",
	"": "s", "s": "s", "sec": "s", "secs": "s", "second": "s", "seconds": "s",
	"m": "m", "min": "m", "mins": "m", "minute": "m", "minutes": "m",
	"h": "h", "hr": "h", "hrs": "h", "hour": "h", "hours": "h",
}

// Duration returns the duration that text was to be, as package time writes it: a number
// without a unit is seconds, units have their usual names, a comma is a decimal point.
// ok is false for what is none.
func Duration(text string) (duration string, ok bool) {
	rest := strings.ReplaceAll(strings.ToLower(strings.Join(strings.Fields(text), "")), ",", ".")
	last := ""
	for rest != "" {
		number := strings.TrimLeft(rest, "0123456789.")
		unit := strings.TrimLeftFunc(number, unicode.IsLetter)
		digits, name := rest[:len(rest)-len(number)], number[:len(number)-len(unit)]
		short, known := units[name]
		switch {
		case name == "d" || name == "day" || name == "days":
			days, err := time.ParseDuration(digits + "h")
			if err != nil {
				return "", false
			}
			duration, last, rest = duration+(24*days).String(), "h", unit
			continue
		case name == "" && last == "h": // 1h30
			short = "m"
		case !known || name == "" && last == "s":
			return "", false
		}
		duration, last, rest = duration+digits+short, short, unit
	}
	d, err := time.ParseDuration(duration)
	if err != nil {
		return "", false
	}
	return short(d), true
}

// short is d without the units that are zero.
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// sizes are what people write for units of bytes, and how their program is told.
var sizes = map[string]string{
	"": "", "b": "B", "bytes": "B", "k": "kB", "kb": "kB", "kib": "KiB", "m": "MB", "mb": "MB", "mib": "MiB", "g": "GB", "gb": "GB", "gib": "GiB",
}

// Size returns the number of bytes that text was to be, with a unit as B, kB or MiB.
func Size(text string) (size string, ok bool) {
	text = strings.ToLower(strings.Join(strings.Fields(text), ""))
	unit := strings.TrimLeft(text, "0123456789_,.")
	number := strings.Map(func(r rune) rune {
		if r == '_' || r == ',' {
			return -1
		}
		return r
	}, text[:len(text)-len(unit)])
	short, ok := sizes[unit]
	return number + short, ok && number != "" && !strings.Contains(number, ".")
}

// Boolean returns what a word for yes or no says.
func Boolean(text string) (value, ok bool) {
	switch strings.ToLower(text) {
	case "true", "yes", "y", "on", "1", "t", "enable", "enabled":
		return true, true
	case "false", "no", "n", "off", "0", "f", "disable", "disabled":
		return false, true
	}
	return false, false
}
