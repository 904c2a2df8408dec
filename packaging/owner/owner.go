package owner

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// unknown stands in the place of the owner while nobody has filled it in.
const unknown = "OWNER"

// Publisher is what packaging/publisher says.
type Publisher struct {
	values map[string]string
}

// line is one of the file that says something. What bash would expand is no value, but
// for the owner.
var line = regexp.MustCompile(`^([A-Z_]+)=("([^"\\` + "`" + `]*)"|[\w@./:-]*)$`)

// Read reads packaging/publisher in the folder root of the repository.
func Read(root string) (Publisher, error) {
	name := filepath.Join(root, "packaging", "publisher")
	text, err := os.ReadFile(name)
	if err != nil {
		return Publisher{}, err
	}
	p := Publisher{map[string]string{}}
	for i, said := range strings.Split(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n") {
		if said == "" || said[0] == '#' {
			continue
		}
		m := line.FindStringSubmatch(said)
		if m == nil {
			return p, fmt.Errorf("%s:%d: %q is not KEY=VALUE", name, i+1, said)
		}
		value := strings.NewReplacer("${OWNER:-OWNER}", p.Owner(), "${OWNER,,}", strings.ToLower(p.values["OWNER"]),
			"${IMAGE_OWNER:-OWNER}", cmp.Or(p.values["IMAGE_OWNER"], unknown)).Replace(strings.Trim(m[2], `"`))
		if strings.ContainsRune(value, '$') {
			return p, fmt.Errorf("%s:%d: %q has another variable than that of the owner", name, i+1, said)
		}
		p.values[m[1]] = value
	}
	return p, nil
}

// Owner is the owner, or the word OWNER.
func (p Publisher) Owner() string {
	if p.Published() {
		return p.values["OWNER"]
	}
	return unknown
}

// Published reports whether there is an owner.
func (p Publisher) Published() bool { return p.values["OWNER"] != "" }

// Get is the value of a key. It panics for a key that is not in the file: that is a
// mistake in the program that asks.
func (p Publisher) Get(key string) string {
	value, ok := p.values[key]
	if !ok {
		panic("packaging/publisher has no " + key)
	}
	return value
}
