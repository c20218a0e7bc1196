package openid

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/coreos/go-oidc/v3/oidc"

	"lwbs/bootstrap/admin/access"
)

// maxName is the most bytes of the name of a user, and of a subject: OpenID Connect Core 1.0 §2 has at most 255.
const maxName = 255

// claims are what an ID token says of a user.
type claims struct {
	subject string
	all     map[string]any
}

// claimsOf reads the claims of a token that was verified, for this client.
func claimsOf(id *oidc.IDToken, client string) (*claims, error) {
	c := &claims{subject: id.Subject}
	if err := id.Claims(&c.all); err != nil {
		return nil, err
	}
	// OpenID Connect Core 1.0 §3.1.3.7, steps 4 and 5.
	party, named := c.all["azp"]
	if named && party != client || !named && len(id.Audience) > 1 {
		return nil, fmt.Errorf("the token was issued for %.100q", fmt.Sprint(party))
	}
	if !isName(id.Subject) {
		return nil, errors.New("the token has no subject that can be read")
	}
	return c, nil
}

// isName reports whether text can be the name of a user in the audit.
func isName(text string) bool {
	return text != "" && len(text) <= maxName && utf8.ValidString(text) && strings.TrimSpace(text) == text && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

// permit is the log-in of the user of c, where that one may log in. Its error is a [*Refusal].
func (p *Provider) permit(c *claims) (logIn, error) {
	name, err := c.name(p.NameClaim)
	if err != nil {
		return logIn{}, refusal(err, "%s does not tell the name of your account in a way that can be used here: ask an administrator.", p.Name)
	}
	if len(p.Domains)+len(p.Subjects) > 0 && !slices.Contains(p.Subjects, c.subject) && !slices.Contains(p.Domains, c.domain()) {
		return logIn{}, refusal(fmt.Errorf("%q, subject %q, is of none of the domains and subjects", name, c.subject), "%s may not log in here: ask an administrator.", name)
	}
	values := textsOf(lookUp(c.all, p.RoleClaim))
	var role access.Role
	for _, v := range values {
		role = max(role, p.Roles[v])
	}
	if role == 0 {
		return logIn{}, refusal(fmt.Errorf("%q, subject %q, has no role: claim %q has %.200q", name, c.subject, p.RoleClaim, values), "%s has no role here: an administrator has to give the account one at %s.", name, p.Name)
	}
	return logIn{who: access.Principal{Name: name, Role: role, Way: access.WayOIDC}, subject: c.subject}, nil
}

// name is what the audit calls the user: the claim, or where none is configured the verified e-mail address, else the
// subject.
func (c *claims) name(claim string) (string, error) {
	if claim == "" {
		if email, ok := c.email(); ok {
			return email, nil
		}
		return c.subject, nil
	}
	if claim == "email" {
		if email, ok := c.email(); ok {
			return email, nil
		}
		return "", fmt.Errorf("subject %q has no verified e-mail address", c.subject)
	}
	name, _ := lookUp(c.all, claim).(string)
	if !isName(name) {
		return "", fmt.Errorf("subject %q: claim %q is no name: %.100q", c.subject, claim, name)
	}
	return name, nil
}

// email is the e-mail address, in lower case, where the issuer says that it verified it. Some say so in a text.
func (c *claims) email() (string, bool) {
	email, _ := c.all["email"].(string)
	verified := c.all["email_verified"] == true || c.all["email_verified"] == "true"
	return strings.ToLower(email), verified && isName(email) && strings.Contains(email, "@")
}

// domain is that of the verified e-mail address; empty for none.
func (c *claims) domain() string {
	email, ok := c.email()
	if !ok {
		return ""
	}
	return email[strings.LastIndexByte(email, '@')+1:]
}

// lookUp returns the claim of a name: that which has the whole name, or one that dots lead to, where names may have
// dots, too. Nil for none.
func lookUp(all map[string]any, name string) any {
	if v, ok := all[name]; ok {
		return v
	}
	for i := len(name) - 1; i > 0; i-- {
		if name[i] != '.' {
			continue
		}
		if inner, ok := all[name[:i]].(map[string]any); ok {
			if v := lookUp(inner, name[i+1:]); v != nil {
				return v
			}
		}
	}
	return nil
}

// textsOf are the texts of a claim: itself, or those of its list.
func textsOf(claim any) (texts []string) {
	switch v := claim.(type) {
	case string:
		return []string{v}
	case []any:
		for _, one := range v {
			if text, ok := one.(string); ok {
				texts = append(texts, text)
			}
		}
	}
	return texts
}
