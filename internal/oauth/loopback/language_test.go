package loopback

import (
	"reflect"
	"strings"
	"testing"
)

// The page speaks the reader's language, as Accept-Language
// says with its weights (RFC 9110, section 12.5.4), and English otherwise.
func TestChooseLanguage(t *testing.T) {
	for header, want := range map[string]string{
		"": "en", "de": "de", "de-AT,de;q=0.9,en;q=0.8": "de", "DE-ch": "de", "fr-CA": "fr", "es-419,es;q=0.9": "es", "ja-JP": "ja",
		"zh": "zh-Hans", "zh-CN,zh;q=0.9": "zh-Hans", "zh-Hans-SG": "zh-Hans", "zh-Hans-TW": "zh-Hans", "zh-SG": "zh-Hans",
		"zh-TW": "en", "zh-Hant": "en", "zh-Hant-CN": "en", "zh-HK, ja;q=0.5": "ja", "zh-TW,zh;q=0.9,en;q=0.8": "zh-Hans",
		"en-GB,de;q=0.9": "en", "it,pt;q=0.9,fr;q=0.2,*;q=0.1": "fr", "it, *;q=0.5, de;q=0.4": "en", "it,pt": "en", "*": "en",
		"de;q=0.5,fr;q=0.7": "fr", "de;q=0.5,fr;q=0.5": "de", "de;q=0.001": "de", "de;q=0": "en", "de;q=0.000, fr;q=0.1": "fr", "de, de;q=0": "en",
		"de;q=2, fr;q=0.1": "fr", "de;q=1.001, fr;q=0.1": "fr", "de;q=0.1234, fr;q=0.1": "fr", "de;q=-1, fr;q=0.1": "fr", "de;q=, fr;q=0.1": "fr", "de;q=.9, fr;q=0.1": "fr", "de;x=1, fr;q=0.1": "fr", "de;q=1e0, fr;q=0.1": "fr",
		"de ; q=0.5 , fr ;Q=0.6": "fr", "de;q=1.000": "de", "de;q=1.": "de", "german": "en", "d": "en", "-de": "en", "de_DE": "en", ",,,de": "de", "\x00de": "en",
		strings.Repeat("it,", maxLanguages) + "de":    "en", // beyond the bound
		strings.Repeat(" ", maxLanguage) + "de":       "en",
		"fr;q=0.1," + strings.Repeat("x", 1<<16):      "fr",
		strings.Repeat("x-", maxLanguage) + ",de":     "en",
		"de" + strings.Repeat("-x", 100) + ",fr;q=.5": "de",
	} {
		if got := wordsFor(header).tag; got != want {
			t.Errorf("%.60q: %s, want %s", header, got, want)
		}
	}
}

// every returns all the texts of a language with where they stand.
func every(w *words) map[string]string {
	all := map[string]string{}
	var walk func(name string, v reflect.Value)
	walk = func(name string, v reflect.Value) {
		switch v.Kind() {
		case reflect.String:
			all[name] = v.String()
		case reflect.Struct:
			for i := range v.NumField() {
				walk(name+"."+v.Type().Field(i).Name, v.Field(i))
			}
		case reflect.Array:
			for i := range v.Len() {
				walk(name+"["+string(rune('a'+i))+"]", v.Index(i))
			}
		}
	}
	walk("", reflect.ValueOf(*w))
	return all
}

// Every language is complete, nothing in it was left in
// English, and the names of commands and flags are the same in all.
func TestLanguagesAreComplete(t *testing.T) {
	original := every(&english)
	if len(original) != 17+2*int(reasonsCount) {
		t.Fatalf("%d texts; does the walk see all?", len(original))
	}
	same := map[string]bool{"de.server": true} // the word is the same
	tags := map[string]bool{}
	for _, w := range languages {
		if tags[w.tag] {
			t.Errorf("%s twice", w.tag)
		}
		tags[w.tag] = true
		if got := wordsFor(w.tag); got != w {
			t.Errorf("%s is never chosen", w.tag)
		}
		for name, text := range every(w) {
			switch {
			case strings.TrimSpace(text) == "" || strings.TrimSpace(text) != text:
				t.Errorf("%s%s: %q", w.tag, name, text)
			case strings.ContainsAny(text, "<>&\"\n"):
				t.Errorf("%s%s holds markup: %q", w.tag, name, text)
			case w != &english && text == original[name] && !same[w.tag+name]:
				t.Errorf("%s%s is not translated: %q", w.tag, name, text)
			case strings.Count(text, "{program}") != map[bool]int{true: 1}[name == ".backTo"], strings.Count(text, "{") != strings.Count(text, "{program}"):
				t.Errorf("%s%s: {program} where it should not be, or not where it should: %q", w.tag, name, text)
			}
			for i, code := range strings.Split(original[name], "`") {
				if parts := strings.Split(text, "`"); i%2 == 1 && (len(parts) <= i || parts[i] != code) {
					t.Errorf("%s%s does not name %s", w.tag, name, code)
				}
			}
			if strings.Contains(text, "`") != strings.Contains(original[name], "`") || strings.Contains(text, "`") && !strings.HasSuffix(name, ".next") {
				t.Errorf("%s%s: a backtick where none is read: %q", w.tag, name, text)
			}
		}
	}
	for _, tag := range []string{"en", "de", "fr", "es", "ja", "zh-Hans"} {
		if !tags[tag] {
			t.Errorf("no %s", tag)
		}
	}
}

// Whatever the header holds, one of our languages is chosen, and the same one
// whatever its letters and blanks; a language that is not named is never chosen
// but English.
func FuzzAcceptLanguage(f *testing.F) {
	for _, s := range []string{"", "de", "de-AT,de;q=0.9,en;q=0.8", "zh-Hant-TW,zh;q=0.1", "fr;q=0,*", "es;q=1.000;x", "ja;q=0.5,,;q=1", "de;q=9", "zh-", "-", ";;;", "*;q=0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		got := wordsFor(header)
		named := got == &english
		for _, w := range languages {
			named = named || w == got && strings.Contains(strings.ToLower(header), strings.ToLower(w.tag[:2]))
		}
		if !named {
			t.Errorf("%q: %s", header, got.tag)
		}
		if len(header) < maxLanguage/2 && isASCII(header) {
			if again := wordsFor(strings.ToUpper(header)); again != got {
				t.Errorf("%q: %s in small letters, %s in capitals", header, got.tag, again.tag)
			}
			if again := wordsFor(strings.ReplaceAll(header, ",", " ,\t")); again != got && strings.Count(header, ",") < maxLanguages {
				t.Errorf("%q: %s, with blanks %s", header, got.tag, again.tag)
			}
		}
	})
}

func isASCII(s string) bool { return strings.IndexFunc(s, func(r rune) bool { return r > 0x7e }) < 0 }
