package main

import (
	"errors"
	"flag"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
)

// maxConfigBytes bounds the configuration file.
const maxConfigBytes = 1 << 20

// readFile reads a configuration file: one YAML mapping from option names, as
// the flags have them, to a value or a list of values. It sets every flag of fs
// that is not in given, and adds it there and to places, with its line, and returns all
// mistakes, or an error if the file cannot be read as one.
func readFile(name string, fs *flag.FlagSet, given map[string]bool, places map[string]string) (all []error, err error) {
	const next = "the file is YAML with the names of the flags, e.g. issuer: https://TENANT.logto.app/oidc"
	root, err := parseFile(name)
	if err != nil {
		return nil, hint.With(fmt.Errorf("config %s: %w", name, err), next)
	}
	seen := make(map[string]bool)
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value, next := root.Content[i], root.Content[i+1], next
		text, err := valueOf(value)
		switch {
		case fs.Lookup(key.Value) == nil || key.Value == "config" || key.Value == "version":
			err = fmt.Errorf("%q is not an option", key.Value)
			if names := similarFlags(fs, strings.ReplaceAll(key.Value, "_", "-")); len(names) == 1 {
				next = "did you mean " + names[0] + "?"
			}
		case seen[key.Value]:
			err = fmt.Errorf("%s is given twice", key.Value)
		case err != nil:
			err = fmt.Errorf("%s: %w", key.Value, err)
			if value.Kind == yaml.MappingNode && strings.Contains(fs.Lookup(key.Value).Usage, "=") {
				next = "write it as a list, e.g. tool-scope: [add_note=notes:write]"
			}
		}
		seen[key.Value] = true
		place := fmt.Sprintf("config %s, line %d", name, key.Line)
		if err != nil {
			all = append(all, hint.With(fmt.Errorf("%s: %w", place, err), next))
		} else if !given[key.Value] {
			_ = fs.Set(key.Value, text) // neither kind of value refuses here
			given[key.Value], places[key.Value] = true, place
		}
	}
	return all, nil
}

// located puts in front of an error about an option where the file has that: such errors begin
// with its name.
func (o *options) located(err error) error {
	name, _, _ := strings.Cut(err.Error(), ":")
	name, _, _ = strings.Cut(name, " http") // an issuer or a resource
	if place, ok := o.places[name]; ok {
		return fmt.Errorf("%s: %w", place, err)
	}
	return err
}

func parseFile(name string) (*yaml.Node, error) {
	raw, err := foreign.ReadGiven(name, maxConfigBytes)
	if err != nil {
		return nil, err
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		return nil, err
	}
	if len(doc.Content) == 0 {
		return &yaml.Node{}, nil // an empty file
	}
	if doc.Content[0].Kind != yaml.MappingNode {
		return nil, errors.New("not a mapping")
	}
	return doc.Content[0], nil
}

// valueOf returns a scalar, or the scalars of a list joined by blanks.
func valueOf(n *yaml.Node) (string, error) {
	switch n.Kind {
	case yaml.ScalarNode:
		return n.Value, nil
	case yaml.SequenceNode:
		var parts []string
		for _, item := range n.Content {
			if item.Kind != yaml.ScalarNode {
				return "", errors.New("a list of plain values is needed")
			}
			parts = append(parts, item.Value)
		}
		return strings.Join(parts, " "), nil
	}
	return "", errors.New("a value or a list of values is needed")
}
