package devidp

import (
	"maps"
	"slices"
)

// Logto keeps times in milliseconds, against the letter of OpenID Connect Core,
// section 5.1. These are the same for everybody, so that answers can be
// compared.
const (
	updatedAt = int64(1795384501766)
	createdAt = int64(1795384461518)
)

// scopeClaims lists the claims of a scope (OpenID Connect Core, section 5.4,
// and Logto's own).
func scopeClaims(scope string) []string {
	switch scope {
	case "profile":
		return []string{
			"name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile", "picture", "website",
			"gender", "birthdate", "zoneinfo", "locale", "updated_at", "username", "created_at",
		}
	case "email":
		return []string{"email", "email_verified"}
	case "phone":
		return []string{"phone_number", "phone_number_verified"}
	case "address":
		return []string{"address"}
	case "custom_data":
		return []string{"custom_data"}
	case "identities":
		return []string{"identities", "sso_identities"}
	case "roles":
		return []string{"roles"}
	case "urn:logto:scope:organizations":
		return []string{"organizations", "organization_data"}
	case "urn:logto:scope:organization_roles":
		return []string{"organization_roles"}
	}
	return nil
}

func claimsSupported() []string {
	list := []string{"sub"}
	for _, scope := range oidcScopes() {
		list = append(list, scopeClaims(scope)...)
	}
	return append(list, "iss")
}

// allClaims is everything known of a user. Profile claims that are not set are
// absent, an email address or phone number is null: Logto is so.
func allClaims(u User) map[string]any {
	claims := map[string]any{
		"username": u.Username, "preferred_username": u.Username, "updated_at": updatedAt, "created_at": createdAt,
		"email": nil, "email_verified": false, "phone_number": nil, "phone_number_verified": false,
		"custom_data": map[string]any{}, "identities": map[string]any{}, "sso_identities": []string{}, "roles": []string{},
		"organizations": []string{}, "organization_data": []string{}, "organization_roles": []string{},
	}
	if len(u.Organizations) > 0 {
		claims["organizations"] = u.Organizations
	}
	if u.Name != "" {
		claims["name"] = u.Name
	}
	if u.Email != "" {
		claims["email"], claims["email_verified"] = u.Email, true
	}
	maps.Copy(claims, u.Claims)
	return claims
}

// userClaims selects by scope for userinfo. What the configuration adds and no
// scope knows comes with profile.
func userClaims(u User, scopes []string) map[string]any {
	supported := claimsSupported()
	claims := allClaims(u)
	maps.DeleteFunc(claims, func(name string, _ any) bool {
		if !slices.Contains(supported, name) {
			return !slices.Contains(scopes, "profile")
		}
		return !slices.ContainsFunc(scopes, func(scope string) bool { return slices.Contains(scopeClaims(scope), name) })
	})
	claims["sub"] = u.Subject
	return claims
}

// idTokenClaims is userClaims without the ones Logto leaves out of ID tokens.
func idTokenClaims(u User, scopes []string) map[string]any {
	claims := userClaims(u, scopes)
	for _, name := range []string{"custom_data", "identities", "sso_identities", "organization_data"} {
		delete(claims, name)
	}
	return claims
}
