package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"
	"time"
)

// figures are what one run of a measure brings, by the keys of figure.
type figures map[string]float64

// measure is one thing done with a subject.
type measure struct {
	name string
	run  func(ctx context.Context, l *lab, s *subject) (figures, error)
	// fits says whether a subject can do it; nil is every one.
	fits func(s *subject) bool
}

// measures are all of them, in the order of a round.
func measures() []measure {
	list := []measure{
		{"start", measureStart, nil},
		{"delay", measureDelay, func(s *subject) bool { return s.remote }},
		{"idle", measureIdle, isProcess},
		{"crowd", measureCrowd, isProcess},
		{"notifications", measureNotifications, nil},
		{"login", measureLogin, func(s *subject) bool { return s.login }},
	}
	for _, w := range allWays {
		fits := func(s *subject) bool { return slices.Contains(s.ways, w) }
		list = append(list, measure{"load-" + string(w), func(ctx context.Context, l *lab, s *subject) (figures, error) { return measureLoad(ctx, l, s, w) }, fits})
	}
	for _, w := range []way{wayJSON, wayEvents} {
		fits := func(s *subject) bool { return slices.Contains(s.ways, w) }
		list = append(list, measure{"large-" + string(w), func(ctx context.Context, l *lab, s *subject) (figures, error) { return measureLarge(ctx, l, s, w) }, fits})
	}
	return list
}

func isProcess(s *subject) bool { return s.command != nil }

// outcome is all that was measured.
type outcome struct {
	// Values are in the order of the rounds; NaN where one brought nothing.
	Values map[string]map[string][]float64 // by subject and figure
	// Failures say what a subject could not do, by subject and measure.
	Failures map[string]map[string]string
	Rounds   int
}

// survey runs all measures with all subjects, in turn, round after round.
func survey(l *lab, subjects []*subject, list []measure, rounds int, progress io.Writer) (*outcome, error) {
	o := &outcome{Values: map[string]map[string][]float64{}, Failures: map[string]map[string]string{}, Rounds: rounds}
	for _, s := range subjects {
		o.Values[s.name], o.Failures[s.name] = map[string][]float64{}, map[string]string{}
	}
	for round := range rounds {
		for _, m := range list {
			for _, s := range subjects {
				if m.fits != nil && !m.fits(s) {
					continue
				}
				from := time.Now()
				if err := l.behave(settings{}); err != nil {
					return nil, err
				}
				got, err := once(l, s, m)
				if err != nil {
					o.Failures[s.name][m.name] = err.Error()
				}
				o.note(s.name, round, got)
				_, _ = fmt.Fprintf(progress, "round %d/%d  %-14s %-14s %6.1f s  %v\n", round+1, rounds, m.name, s.name, time.Since(from).Seconds(), short(err))
			}
		}
	}
	return o, nil
}

func once(l *lab, s *subject, m measure) (figures, error) {
	ctx, stop := limited(l.size.limit)
	defer stop()
	return m.run(ctx, l, s)
}

func short(err error) string {
	if err == nil {
		return ""
	}
	text := err.Error()
	return text[:min(len(text), 160)]
}

func (o *outcome) note(name string, round int, got figures) {
	for key, value := range got {
		list := o.Values[name][key]
		for len(list) < round {
			list = append(list, math.NaN())
		}
		o.Values[name][key] = append(list, value)
	}
}

// median of what is there; NaN of nothing.
func median[T cmp.Ordered](list []T) (m T) {
	list = slices.DeleteFunc(slices.Clone(list), func(v T) bool { return v != v })
	if len(list) == 0 {
		if nan, ok := any(math.NaN()).(T); ok {
			return nan
		}
		return m
	}
	slices.Sort(list)
	return list[(len(list)-1)/2]
}

// value is the median of a figure over the rounds.
func (o *outcome) value(subject, key string) float64 { return median(o.Values[subject][key]) }

// ratio is the median over the rounds of a figure of a by that of b.
func (o *outcome) ratio(a, b, key string) float64 {
	var list []float64
	of, by := o.Values[a][key], o.Values[b][key]
	for i := range min(len(of), len(by)) {
		if r := of[i] / by[i]; !math.IsInf(r, 0) {
			list = append(list, r)
		}
	}
	return median(list)
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// parallel runs f for the numbers below n in k goroutines, until one fails.
func parallel(n, k int, f func(worker, i int) error) error {
	var wg sync.WaitGroup
	next := make(chan int)
	failed := make(chan error, k)
	for worker := range k {
		wg.Go(func() {
			for i := range next {
				if err := f(worker, i); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	var err error
	for i := 0; i < n && err == nil; i++ {
		select {
		case next <- i:
		case err = <-failed:
		}
	}
	close(next)
	wg.Wait()
	select {
	case other := <-failed:
		if err == nil {
			err = other
		}
	default:
	}
	return err
}
