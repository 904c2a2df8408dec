package commandline

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"mcp-login/internal/hint"
)

// Kind says what a word of a command line is.
type Kind int

// Kinds of words.
const (
	Argument  Kind = iota
	Flag           // with its dashes, without its value
	Value          // of the flag in front
	Separator      // the --
)

// Word is one word of a command line, or the part of one in front of or behind its =.
type Word struct {
	Kind Kind
	Text string
	// Joined is what stands between a value and its flag where both are in the same word:
	// a =, or what somebody wrote for it. It is "" for a word of its own.
	Joined string
	// Behind is a word behind the --.
	Behind bool
}

// Name is the name of a flag, without its dashes.
func (w Word) Name() string { return strings.TrimLeft(w.Text, "-\u2010\u2011\u2012\u2013\u2014\u2212") }

// Line is a command line without the name of the program.
type Line []Word

// Split takes a command line apart. takesValue tells whether the word behind a flag of
// this name is its value.
func Split(words []string, takesValue func(name, next string) bool) (l Line) {
	behind := false
	for i := 0; i < len(words); i++ {
		word := words[i]
		flag, joined, value := cutFlag(word)
		w := Word{Kind: Flag, Text: flag, Behind: behind}
		switch {
		case word == "--" && !behind:
			behind = true
			l = append(l, Word{Kind: Separator, Text: word})
		case w.Name() == flag || w.Name() == "": // no dash in front, or nothing else
			l = append(l, Word{Text: word, Behind: behind})
		case joined != "":
			l = append(l, w, Word{Kind: Value, Text: value, Joined: joined, Behind: behind})
		case i+1 < len(words) && words[i+1] != "--" && takesValue(w.Name(), words[i+1]):
			i++
			l = append(l, w, Word{Kind: Value, Text: words[i], Behind: behind})
		default:
			l = append(l, w)
		}
	}
	return l
}

// cutFlag cuts a word at the first character that no name of a flag has: what stands behind
// it may be secret.
func cutFlag(word string) (flag, joined, value string) {
	dashes := len(word) - len(Word{Text: word}.Name())
	at := strings.IndexFunc(word[dashes:], func(r rune) bool {
		return r != '-' && r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	if at <= 0 || dashes == 0 {
		return word, "", ""
	}
	at += dashes
	_, size := utf8.DecodeRuneInString(word[at:])
	return word[:at], word[at : at+size], word[at+size:]
}

// ValueOf returns the place of the value of the flag at i, -1 for none.
func (l Line) ValueOf(i int) int {
	if i+1 < len(l) && l[i].Kind == Flag && l[i+1].Kind == Value {
		return i + 1
	}
	return -1
}

// Separator returns the place of the --, -1 for none.
func (l Line) Separator() int {
	return slices.IndexFunc(l, func(w Word) bool { return w.Kind == Separator })
}

// Arguments returns the places of the arguments.
func (l Line) Arguments() (at []int) {
	for i, w := range l {
		if w.Kind == Argument {
			at = append(at, i)
		}
	}
	return at
}

// Replace returns the line with other words in the place of that at i, a flag's value
// included.
func (l Line) Replace(i int, words ...Word) Line {
	end := i + 1
	if l.ValueOf(i) > 0 {
		end++
	}
	return slices.Replace(slices.Clone(l), i, end, words...)
}

// Words are those of the line as a program gets them.
func (l Line) Words() (words []string) {
	for _, w := range l {
		if w.Joined != "" {
			words[len(words)-1] += w.Joined + w.Text
		} else {
			words = append(words, w.Text)
		}
	}
	return words
}

// userInfo is the name and the password in an address.
var userInfo = regexp.MustCompile(`//[^/?#]*@`)

// Show is the line as somebody can copy it, behind the name of the program. shown says
// what is shown of the value of a flag. What stands in front of the @ of an address is
// never shown.
func (l Line) Show(program string, shown func(flag, value string) string) string {
	masked := slices.Clone(l)
	for i, w := range masked {
		if w.Kind == Value && i > 0 {
			masked[i].Text = shown(masked[i-1].Name(), w.Text)
		}
	}
	text := program
	for _, word := range masked.Words() {
		text += " " + hint.Quote(userInfo.ReplaceAllString(word, "//"))
	}
	return text
}
