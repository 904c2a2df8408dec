package devidp

import (
	"cmp"
	_ "embed" // the frame of all pages
	"io"
	"net/http"
	"strings"

	"mcp-login/internal/foreign"
	"mcp-login/internal/page"
)

//go:embed pages.html
var pagesHTML string

var frame = page.New(pagesHTML, "", "")

// text is a value of somebody else, as one line.
func text(value string) page.HTML { return page.Text(foreign.Message(value)) }

// show answers with a page. Its policy is in [Provider.beginPage].
func show(w http.ResponseWriter, status int, content page.HTML) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, frame.Render(map[string]page.HTML{"Content": content}))
}

// donePage says how something has ended.
func donePage(title, body string) page.HTML {
	return "<h1>" + text(title) + "</h1>\n<p>" + text(body) + "</p>\n"
}

// signInPage asks who the person is.
func signInPage(id string, req request, users []User) page.HTML {
	return "<h1>Who are you?</h1>\n<p>" + asks(req) + "</p>\n" +
		`<form method="post" action="` + pathSignIn + `">` + "\n" +
		`<input type="hidden" name="interaction" value="` + text(id) + `">` + "\n" +
		choices(users, req.loginHint) + cancel(req) + "</form>\n"
}

// asks says which program wants to sign somebody in, and for what. Programs name
// themselves (RFC 7591 section 2); one that has not done so is called by its id.
func asks(req request) page.HTML {
	content := "A program with the client id <strong>" + text(req.client.ID) + "</strong>"
	if name := strings.TrimSpace(foreign.Line(req.client.Name)); name != "" {
		content = "<strong>" + text(name) + "</strong>"
	}
	content += " wants to sign you in"
	if len(req.resources) > 0 {
		content += " to use " + text(strings.Join(req.resources, " and "))
	}
	if len(req.scopes) > 0 {
		content += ", with the scopes " + text(strings.Join(req.scopes, " "))
	}
	return content + "."
}

// devicePage asks for the code of another device, and who the person is. req is what
// waits with the code, if something does.
func devicePage(userCode, problem string, req *request, users []User) page.HTML {
	said := text(problem)
	switch {
	case req != nil:
		said = asks(*req) + " "
	case problem != "":
		said += " "
	}
	return "<h1>Sign in another device</h1>\n<p>" + said +
		"Compare the code with the one the other device shows, then choose who you are.</p>\n" +
		`<form method="post" action="` + pathDevice + `">` + "\n" +
		`<label>Code <input name="user_code" value="` + text(userCode) +
		`" required autocomplete="off" autocapitalize="characters" spellcheck="false" maxlength="16"></label>` + "\n" +
		choices(users, "") + "</form>\n"
}

// choices are a button for each user, the one that the client has named set
// apart, and one for nobody.
func choices(users []User, hint string) (all page.HTML) {
	for _, u := range users {
		class := page.HTML("")
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
func cancel(req request) page.HTML {
	if !req.client.ThirdParty {
		return ""
	}
	return `<button class="deny" name="cancel" value="1">Cancel</button>` + "\n"
}
