package account

import (
	"context"
	"time"

	"mcp-login/internal/oauth"
)

// followInterval is how often the login of another process is looked at.
const followInterval = 100 * time.Millisecond

// follow shows the login of another process while this one waits for it.
func (a *Account) follow(ctx context.Context, report func(oauth.Prompt)) {
	look := time.NewTicker(followInterval)
	defer look.Stop()
	for seen := ""; ; {
		p, ok, err := a.Store.Pending(ctx, a.Key)
		if err == nil && ok && p.URL != "" && p.URL != seen {
			prompt := oauth.Prompt{Issuer: p.Issuer, URL: p.URL, Local: p.LocalURL, Mark: p.Cookie, UserCode: p.UserCode, RedirectURI: p.RedirectURI, PasteFrom: p.PasteFrom, Began: p.Started, Deadline: p.Deadline}
			prompt.Resumed, seen = seen != "", p.URL
			report(prompt)
			if !a.started.Load() {
				a.present(ctx, prompt)
			}
			if a.personAsks() && !prompt.Resumed { // who has asked for it just now
				a.openBrowser(prompt)
			}
			look.Reset(10 * followInterval) // another address is rare
		}
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
	}
}
