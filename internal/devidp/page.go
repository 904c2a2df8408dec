package devidp

import (
	"cmp"
	_ "embed" // the frame of all pages
	"html"
	"net/http"
	"strings"

	"mcp-login/internal/foreign"
)

//go:embed pages.html
var pagesHTML string

// markup is what may stand on a page as it is. All that comes from elsewhere
// goes through text. html/template is not used, because with it the linker must
// keep every method of whoami-server, which has this provider for --dev.
type markup string

// text is a value as it stands between tags, or in an attribute between double
// quotes.
func text(value string) markup { return markup(html.EscapeString(foreign.Message(value))) }

// show answers with a page.
func show(w http.ResponseWriter, status int, content markup) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = strings.NewReplacer("{{Content}}", string(content)).WriteString(w, pagesHTML)
}

// donePage says how something has ended.
func donePage(title, body string) markup {
	return "<h1>" + text(title) + "</h1>\n<p>" + text(body) + "</p>\n"
}

// signInPage asks who the person is.
func signInPage(id string, req request, users []User) markup {
	page := "<h1>Who are you?</h1>\n<p>Client " + text(req.client.ID) + " wants to sign you in"
	for _, r := range req.resources {
		page += ", to use " + text(r)
	}
	if len(req.scopes) > 0 {
		page += ", with: " + text(strings.Join(req.scopes, " "))
	}
	return page + "</p>\n" +
		`<form method="post" action="` + pathSignIn + `">` + "\n" +
		`<input type="hidden" name="interaction" value="` + text(id) + `">` + "\n" +
		choices(users, req.loginHint) + cancel(req) + "</form>\n"
}

// devicePage asks for the code of another device, and who the person is.
func devicePage(userCode, problem string, users []User) markup {
	if problem != "" {
		problem += " "
	}
	return "<h1>Sign in another device</h1>\n<p>" + text(problem) +
		"Compare the code with the one the other device shows, then choose who you are.</p>\n" +
		`<form method="post" action="` + pathDevice + `">` + "\n" +
		`<label>Code <input name="user_code" value="` + text(userCode) +
		`" required autocomplete="off" autocapitalize="characters" spellcheck="false" maxlength="16"></label>` + "\n" +
		choices(users, "") + "</form>\n"
}

// choices are a button for each user, the one that the client has named set
// apart, and one for nobody.
func choices(users []User, hint string) (all markup) {
	for _, u := range users {
		class := markup("")
		if hint != "" && (u.Username == hint || u.Email == hint) {
			class = ` class="hinted" autofocus`
		}
		all += `<button name="user" value="` + text(u.Username) + `"` + class + ">" +
			text(cmp.Or(u.Name, u.Username)) + "<small>" + text(cmp.Or(u.Email, u.Username)) + "</small></button>\n"
	}
	return all + `<button class="deny" name="user" value="">Deny</button>` + "\n"
}

// cancel is the button of the page on which Logto asks for consent to a third-party
// application.
func cancel(req request) markup {
	if !req.client.ThirdParty {
		return ""
	}
	return `<button class="deny" name="cancel" value="1">Cancel</button>` + "\n"
}
