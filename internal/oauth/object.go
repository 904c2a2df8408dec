package oauth

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// object is a JSON object of a provider or a server. Its members are read as what
// they plainly mean, whatever their JSON type; what means nothing is as if it
// were not there, and faults tells of it. Names are of exact case and stand there
// once: a lenient reader could be made to see another document than the one that
// its owner reviewed.
type object struct {
	members map[string]jsontext.Value
	// faults are the members that were left out, with the reason.
	faults map[string]error
}

// errNoObject is what no JSON object is. What json says of it is not told: it
// quotes the document, which may hold a token.
var errNoObject = errors.New("not the JSON object it should be")

// decodeObject reads one JSON object, null being none.
func decodeObject(body []byte) (object, error) {
	o := object{faults: map[string]error{}}
	if err := json.Unmarshal(body, &o.members); err != nil || o.members == nil {
		return o, errNoObject
	}
	return o, nil
}

func (o object) fault(name, what string) { o.faults[name] = fmt.Errorf("%s is not %s", name, what) }

// null reports whether a member is absent or null, which are the same.
func (o object) null(name string) bool {
	value, there := o.members[name]
	return !there || value.Kind() == 'n'
}

// text reads a string, or a number as it is written: identifiers of some
// providers are numbers.
func (o object) text(name string) string {
	value := o.members[name]
	switch value.Kind() {
	case '"':
		var s string
		if json.Unmarshal(value, &s) == nil {
			return s
		}
	case '0':
		return string(value)
	}
	if !o.null(name) {
		o.fault(name, "a string")
	}
	return ""
}

// list reads an array of strings, or one string with blanks or commas between its
// words, as scopes are written elsewhere. Elements that are no strings are left out.
func (o object) list(name string) (all []string) {
	value := o.members[name]
	switch value.Kind() {
	case '"':
		return strings.FieldsFunc(o.text(name), func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
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
	if !o.null(name) {
		o.fault(name, "a list of strings")
	}
	return nil
}

// flag reads a boolean, or one in quotation marks.
func (o object) flag(name string) bool {
	switch strings.Trim(string(o.members[name]), `"`) {
	case "true":
		return true
	case "false", "":
		return false
	}
	if !o.null(name) {
		o.fault(name, "true or false")
	}
	return false
}

// endpoint reads an address that may be used.
func (o object) endpoint(name string) string {
	address := o.text(name)
	if address == "" {
		return ""
	}
	if _, err := checkEndpoint(name, address); err != nil {
		o.faults[name] = err
		return ""
	}
	return address
}
