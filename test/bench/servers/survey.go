package main

import (
	"context"
	"fmt"
	"io"
)

// values are the figures of all rounds: by server and key, a value a round.
type values map[string]map[string][]float64

func (v values) add(name string, f figures) {
	if v[name] == nil {
		v[name] = map[string][]float64{}
	}
	for key, value := range f {
		v[name][key] = append(v[name][key], value)
	}
}

// survey measures everything, round by round.
func survey(ctx context.Context, l *lab, subjects []*subject, rounds int, progress io.Writer) (values, error) {
	v := values{}
	for round := range rounds {
		for _, s := range paired(subjects) {
			_, _ = fmt.Fprintf(progress, "round %d of %d: %s, %s\n", round+1, rounds, s.name, s.kind)
			f, err := measureCalls(ctx, l, s)
			if err != nil {
				return nil, err
			}
			v.add(s.name, f)
		}
	}
	for _, by := range []transport{transportSSE, transportStreamable} {
		_, _ = fmt.Fprintf(progress, "%d streams: %s\n", l.size.streams, by)
		f, err := measureStreams(ctx, l, by, l.idling())
		if err != nil {
			return nil, err
		}
		v.add(nameOurs, f)
	}
	return v, nil
}
