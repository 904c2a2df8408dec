package command

import (
	"errors"
	"strings"
)

// maxLine bounds a command line in bytes.
const maxLine = 32 << 10

var (
	errLong      = errors.New("the command line is too long")
	errControl   = errors.New("the command line holds a control character")
	errQuote     = errors.New("a quotation mark is not closed")
	errBackslash = errors.New("nothing stands behind the last backslash")
	errShell     = errors.New("it is written for a shell, and none is run")
	errNoProgram = errors.New("it names no program")
)

// splitLine splits a command line as people write it for a shell, without running one:
//
//   - blanks, tabs and line ends separate words;
//   - between ' and ' all characters stand for themselves;
//   - between " and " so they do, but \" is a quotation mark and \\ a backslash;
//   - elsewhere a backslash makes the next character an ordinary one;
//   - on Windows a backslash is an ordinary character everywhere, as paths need it;
//   - nothing is expanded: no variables, no ~, no patterns.
//
// A word that begins, outside of quotation marks, with an operator of a shell (| & ; < > `
// $( ) is an error. The first word, the program, is never "".
func splitLine(line string, windows bool) ([]string, error) {
	switch {
	case len(line) > maxLine:
		return nil, errLong
	case strings.ContainsFunc(line, func(r rune) bool { return r < ' ' && !isBlank(r) || r == 0x7f }):
		return nil, errControl
	}
	var words []string
	var word strings.Builder
	begun, quote := false, byte(0)
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quote == 0 && isBlank(rune(c)):
			if begun {
				words = append(words, word.String())
				word.Reset()
			}
			begun = false
			continue
		case quote == 0 && !begun && shellOperator(line[i:]):
			return nil, errShell
		case c == quote:
			quote = 0
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
		case c == '\\' && !windows && quote != '\'':
			if i+1 == len(line) {
				return nil, errBackslash
			}
			if next := line[i+1]; quote == 0 || next == '"' || next == '\\' {
				c = next
				i++
			}
			word.WriteByte(c)
		default:
			word.WriteByte(c)
		}
		begun = true
	}
	if quote != 0 {
		return nil, errQuote
	}
	if begun {
		words = append(words, word.String())
	}
	if len(words) == 0 || words[0] == "" {
		return nil, errNoProgram
	}
	return words, nil
}

func isBlank(c rune) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// shellOperator reports whether a word begins with an operator of a shell.
func shellOperator(word string) bool {
	return strings.IndexByte("|&;<>`", word[0]) >= 0 || strings.HasPrefix(word, "$(")
}
