package foreign

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Object is a JSON object that a stranger has sent. Its members are read as what they
// plainly mean, whatever their JSON type; one that means nothing is as if it were not
// there, and Faults tells of it. Names are compared letter by letter, and a document
// with one name twice is none: a lenient reader could be made to see another document
// than the one that its owner reviewed.
type Object struct {
	Members map[string]jsontext.Value
	// Faults are the members that were left out, with the reason.
	Faults map[string]error
}

// ErrNoObject is what [ParseObject] says of all that is no JSON object. What the
// decoder says of it is not repeated: it quotes the document, which may hold a token.
var ErrNoObject = errors.New("not the JSON object it should be")

// ParseObject reads one JSON object; null is none. The only error is ErrNoObject.
func ParseObject(body []byte) (Object, error) {
	o := Object{Faults: map[string]error{}}
	if err := json.Unmarshal(body, &o.Members); err != nil || o.Members == nil {
		return o, ErrNoObject
	}
	return o, nil
}

func (o Object) fault(name, what string) { o.Faults[name] = fmt.Errorf("%s is not %s", name, what) }

// Has reports whether a member is there and not null, which means the same as absent.
func (o Object) Has(name string) bool {
	value, there := o.Members[name]
	return there && value.Kind() != 'n'
}

// Text reads a string, or a number as it is written: identifiers of some providers
// are numbers. It is "" where the member is neither.
func (o Object) Text(name string) string {
	value := o.Members[name]
	switch value.Kind() {
	case '"':
		var s string
		if json.Unmarshal(value, &s) == nil {
			return s
		}
	case '0':
		return string(value)
	}
	if o.Has(name) {
		o.fault(name, "a string")
	}
	return ""
}

// List reads an array of strings, or one string with blanks or commas between its
// words, as scopes are written elsewhere. Elements that are no strings are left out.
func (o Object) List(name string) (all []string) {
	value := o.Members[name]
	switch value.Kind() {
	case '"':
		return strings.FieldsFunc(o.Text(name), func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
	case '[':
		var elements []jsontext.Value
		if json.Unmarshal(value, &elements) != nil {
			break
		}
		for _, element := range elements {
			var s string
			if json.Unmarshal(element, &s) == nil && element.Kind() == '"' {
				all = append(all, s)
			}
		}
		return all
	}
	if o.Has(name) {
		o.fault(name, "a list of strings")
	}
	return nil
}

// Flag reads a boolean, or one in quotation marks.
func (o Object) Flag(name string) bool {
	switch strings.Trim(string(o.Members[name]), `"`) {
	case "true":
		return true
	case "false", "":
		return false
	}
	if o.Has(name) {
		o.fault(name, "true or false")
	}
	return false
}

// Seconds reads a number of seconds, or one in quotation marks; ok is false where the
// member is no number.
func (o Object) Seconds(name string) (seconds float64, ok bool) {
	seconds, err := strconv.ParseFloat(strings.Trim(string(o.Members[name]), `"`), 64)
	return seconds, err == nil
}
