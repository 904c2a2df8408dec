package cli

import (
	"context"
	"strings"

	"mcp-login/internal/account"
	"mcp-login/internal/doctor"
	"mcp-login/internal/oauth"
	"mcp-login/internal/store"
)

// repairRow is one change of doctor --fix.
type repairRow struct {
	Check  string `json:"check"`
	Change string `json:"change"`
	Done   bool   `json:"done"`
	// Note is what a person should know of it, Next what to do then.
	Note    string `json:"note,omitzero"`
	Next    string `json:"next,omitzero"`
	Problem string `json:"problem,omitzero"`
}

// fix shows each change that is safe to make, asks, and makes it.
func (a *app) fix(ctx context.Context, o options, with doctorOptions) ([]repairRow, error) {
	log, err := a.logger(o.logLevel)
	if err != nil {
		return nil, err
	}
	st, err := a.openStore(o.generalOptions, log)
	if err != nil {
		return nil, err
	}
	revoke := func(e store.Entry) string {
		return oauth.Command("logout", e.Key, e.Named, account.Accepted(e), o.storeWords()...)
	}
	repairs, err := doctor.Repairs(ctx, st, a.program(), a.getenv, revoke)
	if err != nil {
		a.term.Note("%v", err) // the checks say more
	}
	rows := []repairRow{}
	for _, r := range repairs {
		row := repairRow{Check: r.Check, Change: r.Change}
		for line := range strings.Lines(r.Change) {
			a.term.Note("%s", strings.TrimSuffix(line, "\n"))
		}
		if with.yes || a.asksForFix(with) && a.agreed(ctx, "make this change?") {
			row.apply(ctx, r)
			a.noteRepair(row)
		}
		rows = append(rows, row)
	}
	switch {
	case len(repairs) == 0 && err == nil:
		a.term.Note("nothing to mend")
	case !with.yes && !a.asksForFix(with):
		a.term.Note("nothing is changed; to make these changes, add --yes")
	}
	return rows, nil
}

// asksForFix reports whether there is a person who can be asked.
func (a *app) asksForFix(with doctorOptions) bool {
	return !with.json && a.typed() && a.term.Interactive()
}

// agreed asks whether what was shown may be done.
func (a *app) agreed(ctx context.Context, question string) bool {
	a.term.Note("%s type y or n:", question)
	select {
	case <-ctx.Done():
		return false
	case line := <-a.lines():
		answer := strings.ToLower(strings.TrimSpace(line))
		return answer == "y" || answer == "yes"
	}
}

func (r *repairRow) apply(ctx context.Context, repair doctor.Repair) {
	var err error
	if r.Note, r.Next, err = repair.Apply(ctx); err != nil {
		r.Problem = err.Error()
		return
	}
	r.Done = true
}

// noteRepair says what has become of a change.
func (a *app) noteRepair(r repairRow) {
	switch {
	case r.Problem != "":
		a.term.Note("not done: %s", r.Problem)
	case r.Note != "":
		a.term.Note("done; %s", r.Note)
	default:
		a.term.Note("done")
	}
	if r.Next != "" {
		a.term.Note("hint: %s", r.Next)
	}
}
