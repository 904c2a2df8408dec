package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strings"
)

// record is a report as JSON: all figures of all rounds.
type record struct {
	Machine  string                           `json:"machine"`
	Note     string                           `json:"note"`
	Revision string                           `json:"revision"`
	Rounds   int                              `json:"rounds"`
	Load     [2]string                        `json:"load"`
	Subjects []recordedSubject                `json:"subjects"`
	Figures  []figure                         `json:"figures"`
	Values   map[string]map[string][]*float64 `json:"values"` // null where a round brought nothing
	Failures map[string]map[string]string     `json:"failures"`
	Binary   int64                            `json:"binary"`
}

type recordedSubject struct {
	Name, What string
	Process    bool
}

// json returns the report as a record.
func (r *report) json() ([]byte, error) {
	out := record{
		Machine: r.Machine, Note: r.Note, Revision: r.Revision, Rounds: r.Outcome.Rounds, Load: r.Load, Binary: r.Binary,
		Figures: figureList(whole.flights), Failures: r.Outcome.Failures, Values: map[string]map[string][]*float64{},
	}
	for _, s := range r.Subjects {
		out.Subjects = append(out.Subjects, recordedSubject{s.name, s.what, s.command != nil})
	}
	for name, figures := range r.Outcome.Values {
		out.Values[name] = map[string][]*float64{}
		for key, list := range figures {
			all := make([]*float64, len(list))
			for i, v := range list {
				if !math.IsNaN(v) {
					all[i] = &v
				}
			}
			out.Values[name][key] = all
		}
	}
	return json.MarshalIndent(out, "", " ")
}

// readReport reads a record back.
func readReport(path string) (*report, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var in record
	if err := json.Unmarshal(b, &in); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	r := &report{Machine: in.Machine, Note: in.Note, Revision: in.Revision, Load: in.Load, Binary: in.Binary}
	r.Outcome = &outcome{Rounds: in.Rounds, Failures: in.Failures, Values: map[string]map[string][]float64{}}
	for _, s := range in.Subjects {
		subject := &subject{name: s.Name, what: s.What}
		if s.Process {
			subject.command = []string{s.Name}
		}
		r.Subjects = append(r.Subjects, subject)
	}
	for name, figures := range in.Values {
		r.Outcome.Values[name] = map[string][]float64{}
		for key, list := range figures {
			for _, v := range list {
				value := math.NaN()
				if v != nil {
					value = *v
				}
				r.Outcome.Values[name][key] = append(r.Outcome.Values[name][key], value)
			}
		}
	}
	return r, nil
}

// revision names what is measured; "" when git does not know.
func revision() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty", "--tags").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}
