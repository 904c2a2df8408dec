package loopback

import (
	"slices"
	"strconv"
	"strings"
)

// Bounds of an Accept-Language header. What is beyond them is not looked at;
// browsers send well below.
const (
	maxLanguages = 32
	maxLanguage  = 1024
)

// wordsFor returns the words of the language that an Accept-Language header
// prefers (RFC 9110, section 12.5.4), English if it names none that there is. Of
// equal weights the first wins; a weight of 0 takes a language out.
func wordsFor(header string) *words {
	if len(header) > maxLanguage {
		header = header[:maxLanguage]
	}
	var best *words
	most := 0.0
	var refused []*words
	for i, element := range strings.Split(header, ",") {
		if i == maxLanguages {
			break
		}
		tag, weight, ok := languageRange(element)
		w := wordsIn(tag)
		switch {
		case !ok || w == nil:
		case weight == 0:
			refused = append(refused, w)
		case weight > most:
			best, most = w, weight
		}
	}
	if best == nil || slices.Contains(refused, best) { // a header may contradict itself
		return &english
	}
	return best
}

// languageRange reads one element: a range and its weight, 0 to 1 with at most three
// digits behind the point (RFC 9110, section 12.4.2).
func languageRange(element string) (tag string, weight float64, ok bool) {
	tag, params, weighted := strings.Cut(element, ";")
	tag = strings.ToLower(strings.Trim(tag, " \t"))
	if !weighted {
		return tag, 1, tag != ""
	}
	name, value, _ := strings.Cut(strings.Trim(params, " \t"), "=")
	whole, _, _ := strings.Cut(value, ".")
	if !strings.EqualFold(name, "q") || whole != "0" && whole != "1" || len(value) > len("0.000") || strings.Trim(value, "0123456789.") != "" {
		return "", 0, false
	}
	weight, err := strconv.ParseFloat(value, 64)
	return tag, weight, err == nil && weight <= 1 && tag != ""
}

// wordsIn returns the words for a language range in lower case, nil if there are
// none. Chinese in traditional characters is another language to readers.
func wordsIn(tag string) *words {
	primary, rest, _ := strings.Cut(tag, "-")
	switch primary {
	case "en", "*":
		return &english
	case "de":
		return &german
	case "fr":
		return &french
	case "es":
		return &spanish
	case "ja":
		return &japanese
	case "zh":
		for sub := range strings.SplitSeq(rest, "-") {
			switch sub {
			case "hans":
				return &chinese
			case "hant", "tw", "hk", "mo":
				return nil
			}
		}
		return &chinese
	}
	return nil
}
