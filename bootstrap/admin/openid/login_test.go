package openid_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"lwbs/bootstrap/admin/access"
	"lwbs/bootstrap/admin/openid"
	"lwbs/bootstrap/admin/openid/issuertest"
	"lwbs/lwm2m"
)

// Whoever the issuer vouches for and has a role is logged in, and comes to where they wanted to go.
func TestLogIn(t *testing.T) {
	r := newRig(t, issuertest.Behaviour{}, nil)
	want := "ada@example.com admin oidc 192.0.2.7; issuer " + r.issuer.URL + ", subject 248289761001; /devices?q=x"
	if got := r.browser().logIn(); got != want {
		t.Fatalf("%q, want %q; log %s", got, want, r.log)
	}
	if text := r.log.String(); strings.Contains(text, issuertest.ClientSecret) || strings.Contains(text, "access token") {
		t.Errorf("the log has a secret: %s", text)
	}
}

// An address to go to that is too long for a cookie is no reason not to log in.
func TestLongAddressToGoTo(t *testing.T) {
	b := newRig(t, issuertest.Behaviour{}, nil).browser()
	if got := b.ask(b.site + openid.BeginPath + "?next=/" + strings.Repeat("a", 6000)); !strings.HasSuffix(got, "; /") || !strings.HasPrefix(got, "ada@example.com") {
		t.Errorf("%.300q", got)
	}
}

// What makes a role, and who may log in.
func TestRolesAndNames(t *testing.T) {
	claims := func(pairs ...any) issuertest.Behaviour {
		b := issuertest.Behaviour{Claims: make(map[string]any)}
		for i := 0; i < len(pairs); i += 2 {
			b.Claims[pairs[i].(string)] = pairs[i+1]
		}
		return b
	}
	roles := func(claim string) func(*openid.Config) { return func(c *openid.Config) { c.RoleClaim = claim } }
	for name, tt := range map[string]struct {
		does   issuertest.Behaviour
		change func(*openid.Config)
		want   string // the beginning of the answer
	}{
		"a text":                           {claims("groups", "lwbs-viewers"), nil, "ada@example.com viewer "},
		"a list, of which the highest":     {claims("groups", []string{"lwbs-viewers", "lwbs-admins", "x"}), nil, "ada@example.com admin "},
		"a list with other things":         {claims("groups", []any{1, nil, "lwbs-viewers", map[string]any{}}), nil, "ada@example.com viewer "},
		"none of the list":                 {claims("groups", []string{"lwbs", "admin"}), nil, "refused: ada@example.com has no role here"},
		"no such claim":                    {claims("groups", nil), nil, "refused: ada@example.com has no role here"},
		"a claim of another kind":          {claims("groups", true), nil, "refused: ada@example.com has no role here"},
		"a text that has the value":        {claims("groups", "x lwbs-admins"), nil, "refused: ada@example.com has no role here"},
		"another case":                     {claims("groups", "LWBS-ADMINS"), nil, "refused: ada@example.com has no role here"},
		"nested":                           {claims("realm_access", map[string]any{"roles": []string{"lwbs-viewers"}}), roles("realm_access.roles"), "ada@example.com viewer "},
		"nested below a name with dots":    {claims("resource_access", map[string]any{"my.app": map[string]any{"roles": "lwbs-viewers"}}), roles("resource_access.my.app.roles"), "ada@example.com viewer "},
		"a whole name with dots":           {claims("https://example.com/roles", "lwbs-viewers"), roles("https://example.com/roles"), "ada@example.com viewer "},
		"nested in what is no object":      {claims("realm_access", "lwbs-admins"), roles("realm_access.roles"), "refused: ada@example.com has no role here"},
		"an e-mail address without a word": {claims("email_verified", nil), nil, "248289761001 admin "},
		"one that is not verified":         {claims("email_verified", false), nil, "248289761001 admin "},
		"one that is, in a text":           {claims("email_verified", "true"), nil, "ada@example.com admin "},
		"no e-mail address":                {claims("email", nil), nil, "248289761001 admin "},
		"one of several lines":             {claims("email", "a\n@example.com"), nil, "248289761001 admin "},
		"a claim names the user":           {claims(), func(c *openid.Config) { c.NameClaim = "preferred_username" }, "ada admin "},
		"a claim that is not there":        {claims("preferred_username", nil), func(c *openid.Config) { c.NameClaim = "preferred_username" }, "refused: the issuer does not tell the name"},
		"a name with a line end":           {claims("preferred_username", "a\r\nb"), func(c *openid.Config) { c.NameClaim = "preferred_username" }, "refused: the issuer does not tell the name"},
		"a name that is very long":         {claims("preferred_username", strings.Repeat("a", 256)), func(c *openid.Config) { c.NameClaim = "preferred_username" }, "refused: the issuer does not tell the name"},
		"an address that must be verified": {claims("email_verified", false), func(c *openid.Config) { c.NameClaim = "email" }, "refused: the issuer does not tell the name"},
		"one of the domains":               {claims(), func(c *openid.Config) { c.Domains = []string{"other.example", "@EXAMPLE.com"} }, "ada@example.com admin "},
		"none of the domains":              {claims(), func(c *openid.Config) { c.Domains = []string{"ample.com", "example.co"} }, "refused: ada@example.com may not log in here"},
		"a domain behind another":          {claims("email", "eve@example.com@evil.example"), func(c *openid.Config) { c.Domains = []string{"example.com"} }, "refused: eve@example.com@evil.example may not"},
		"a domain, not verified":           {claims("email_verified", false), func(c *openid.Config) { c.Domains = []string{"example.com"} }, "refused: 248289761001 may not log in here"},
		"one of the subjects":              {claims("email_verified", false), func(c *openid.Config) { c.Domains, c.Subjects = []string{"x.example"}, []string{"248289761001"} }, "248289761001 admin "},
		"none of the subjects":             {claims(), func(c *openid.Config) { c.Subjects = []string{"24828976100"} }, "refused: ada@example.com may not log in here"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, tt.does, tt.change)
			if got := r.browser().logIn(); !strings.HasPrefix(got, tt.want) {
				t.Errorf("%q, want %q; log %s", got, tt.want, r.log)
			}
		})
	}
}

// Tokens that are wrong log no one in, and the log says what is wrong with them.
func TestWrongTokens(t *testing.T) {
	now := time.Now()
	claim := func(name string, value any) issuertest.Behaviour {
		return issuertest.Behaviour{Claims: map[string]any{name: value}}
	}
	broken := func(f func(string) string) issuertest.Behaviour { return issuertest.Behaviour{BrokenToken: f} }
	for name, tt := range map[string]struct {
		does        issuertest.Behaviour
		want, inLog string
	}{
		"expired":                    {claim("exp", now.Add(-2*time.Minute).Unix()), "has expired: the clocks", "expired"},
		"of the future":              {claim("iat", now.Add(time.Hour).Unix()), "is valid later only", "from now"},
		"not valid yet":              {claim("nbf", now.Add(time.Hour).Unix()), "not valid here", "nbf"},
		"without an end":             {claim("exp", nil), "has expired", "expired"},
		"for another audience":       {claim("aud", "another client"), "not valid here", "audience"},
		"for no audience":            {claim("aud", nil), "not valid here", "audience"},
		"for several, by no one":     {claim("aud", []string{"lwbs", "another client"}), "not valid here", "issued for"},
		"for another party":          {claim("azp", "another client"), "not valid here", "another client"},
		"of another issuer":          {claim("iss", "https://evil.example"), "not valid here", "different provider"},
		"of another log-in":          {claim("nonce", "another"), "not valid here", "nonce"},
		"without a nonce":            {claim("nonce", nil), "not valid here", "nonce"},
		"without a subject":          {claim("sub", nil), "not valid here", "subject"},
		"a subject of several lines": {claim("sub", "a\nb"), "not valid here", "subject"},
		"for another access token":   {claim("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"), "not valid here", "hash"},
		"none at all":                {issuertest.Behaviour{NoIDToken: true}, "sent no ID token", "0 bytes"},
		"a huge one":                 {broken(func(s string) string { return s + strings.Repeat("A", 100<<10) }), "sent no ID token", "bytes"},
		"a changed one": {broken(func(s string) string {
			parts := strings.Split(s, ".")
			return parts[0] + "." + parts[1][:len(parts[1])-8] + "AAAAAAAA." + parts[2]
		}), "not valid here", "verify"},
		"unsigned":                     {broken(func(s string) string { return "eyJhbGciOiJub25lIn0." + strings.Split(s, ".")[1] + "." }), "not valid here", "malformed"},
		"signed with the secret":       {broken(func(s string) string { return "eyJhbGciOiJIUzI1NiJ9." + strings.Split(s, ".")[1] + ".AAAA" }), "not valid here", "malformed"},
		"of a key that is not there":   {issuertest.Behaviour{OldKeys: true}, "not valid here", "verify"},
		"the code was not accepted":    {issuertest.Behaviour{TokenError: "invalid_grant"}, "did not accept the log-in", "invalid_grant"},
		"the user was not accepted":    {issuertest.Behaviour{Refuses: "access_denied"}, "it was cancelled, or is not permitted", "access_denied"},
		"the issuer has another error": {issuertest.Behaviour{Refuses: "<script>"}, "the log of the server has its reason", "<script>"},
		"the answer of another issuer": {issuertest.Behaviour{Iss: "https://evil.example"}, "The answer is not from the issuer", "evil.example"},
		"an issuer that hides itself":  {issuertest.Behaviour{Metadata: map[string]any{"authorization_response_iss_parameter_supported": true}}, "The answer is not from the issuer", "issuer"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, tt.does, nil)
			got := r.browser().logIn()
			if !strings.HasPrefix(got, "refused: ") || !strings.Contains(got, tt.want) || strings.Contains(got, "<") {
				t.Errorf("%q, want %q", got, tt.want)
			}
			if text := r.log.String(); !strings.Contains(text, tt.inLog) || !strings.Contains(text, "from=192.0.2.7") || strings.Contains(text, "eyJ") {
				t.Errorf("the log has %s, want %q", text, tt.inLog)
			}
		})
	}
}

// A clock that is a little behind or ahead does no harm.
func TestClocksThatDiffer(t *testing.T) {
	now := time.Now()
	for _, claims := range []map[string]any{
		{"exp": now.Add(-30 * time.Second).Unix(), "iat": now.Add(-6 * time.Minute).Unix()},
		{"iat": now.Add(4 * time.Minute).Unix(), "exp": now.Add(9 * time.Minute).Unix()},
		{"aud": []string{"lwbs", "x"}, "azp": "lwbs"},
	} {
		r := newRig(t, issuertest.Behaviour{Claims: claims}, nil)
		if got := r.browser().logIn(); !strings.HasPrefix(got, "ada@example.com admin") {
			t.Errorf("%v: %q; log %s", claims, got, r.log)
		}
	}
}

// When the issuer has another key, the next log-in fetches it.
func TestKeysAreRotated(t *testing.T) {
	r := newRig(t, issuertest.Behaviour{}, nil)
	for range 3 {
		if got := r.browser().logIn(); !strings.HasPrefix(got, "ada@example.com admin") {
			t.Fatalf("%q; log %s", got, r.log)
		}
		r.issuer.Rotate(t)
	}
	if n := r.issuer.Asked("/keys"); n != 3 {
		t.Errorf("the keys were asked for %d times", n)
	}
}

// A log-in ends in the browser that began it, and once.
func TestStateIsBoundToTheBrowser(t *testing.T) {
	r := newRig(t, issuertest.Behaviour{}, nil)
	stop := func(b *browser) *browser { // before the way back
		b.CheckRedirect = func(q *http.Request, _ []*http.Request) error {
			b.seen = append(b.seen, q.URL.String())
			if q.URL.Path == openid.ReturnPath {
				return http.ErrUseLastResponse
			}
			return nil
		}
		b.logIn()
		return b
	}
	attacker, victim := stop(r.browser()), r.browser()
	if got := victim.ask(attacker.wayBack().String()); !strings.Contains(got, "no such log-in under way") {
		t.Errorf("another browser is logged in: %q", got)
	}
	stop(victim)
	if got := victim.ask(attacker.wayBack().String()); !strings.Contains(got, "no such log-in under way") {
		t.Errorf("a browser with a log-in of its own is logged in: %q", got)
	}
	for _, param := range []string{"state", "code"} { // forged, and left out
		for _, value := range []string{"x", ""} {
			b := stop(r.browser())
			u := b.wayBack()
			q := u.Query()
			q.Set(param, value)
			u.RawQuery = q.Encode()
			if got := b.ask(u.String()); !strings.HasPrefix(got, "refused: ") {
				t.Errorf("%s=%q: %q", param, value, got)
			}
		}
	}
	twice := stop(r.browser())
	if got := twice.ask(twice.wayBack().String() + "&state=x"); !strings.Contains(got, "cannot be read") {
		t.Errorf("with two states: %q", got)
	}
	if got := twice.ask(twice.wayBack().String()); !strings.HasPrefix(got, "ada@example.com admin") {
		t.Errorf("%q; log %s", got, r.log)
	}
	cookies := twice.Jar.Cookies(&url.URL{Scheme: "http", Host: twice.wayBack().Host, Path: "/"})
	if len(cookies) != 0 {
		t.Errorf("the cookie is still there: %v", cookies)
	}
	// A cookie that was kept is of no use: the state was used.
	kept := stop(r.browser())
	before := kept.Jar.Cookies(kept.wayBack())
	first := kept.ask(kept.wayBack().String())
	kept.Jar.SetCookies(kept.wayBack(), before)
	if again := kept.ask(kept.wayBack().String()); !strings.HasPrefix(first, "ada@") || !strings.Contains(again, "This log-in is over") {
		t.Errorf("%q, again %q", first, again)
	}
	// Nor is one that was changed.
	forged := stop(r.browser())
	c := forged.Jar.Cookies(forged.wayBack())[0]
	c.Value = c.Value[:len(c.Value)-4] + "AAAA"
	forged.Jar.SetCookies(forged.wayBack(), []*http.Cookie{c})
	if got := forged.ask(forged.wayBack().String()); !strings.Contains(got, "no such log-in under way") {
		t.Errorf("with a changed cookie: %q", got)
	}
}

// The secret is sent as the issuer wants it, and a public client sends none.
func TestHowTheClientAuthenticates(t *testing.T) {
	r := newRig(t, issuertest.Behaviour{Metadata: map[string]any{"token_endpoint_auth_methods_supported": []string{"client_secret_post"}}}, nil)
	if got := r.browser().logIn(); !strings.HasPrefix(got, "ada@example.com admin") {
		t.Errorf("%q; log %s", got, r.log)
	}
	r = newRig(t, issuertest.Behaviour{}, func(c *openid.Config) { c.ClientSecret = lwm2m.Secret{} })
	if got := r.browser().logIn(); !strings.Contains(got, "did not accept the log-in") {
		t.Errorf("without a secret: %q", got)
	}
	if n := r.issuer.Asked("/token"); n != 1 {
		t.Errorf("a code was sent %d times", n)
	}
}

// The address of the way back is as configured, else at the host that the browser asked.
func TestAddressOfTheWayBack(t *testing.T) {
	r := newRig(t, issuertest.Behaviour{}, func(c *openid.Config) { c.RedirectURL = "https://lwbs.example" + openid.ReturnPath })
	b := r.browser()
	b.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for host, want := range map[string]string{"": "https://lwbs.example/login/oidc/return", "evil.example": "https://lwbs.example/login/oidc/return"} {
		if got := redirectOf(b, host); got != want {
			t.Errorf("%s: %q", host, got)
		}
	}
	r = newRig(t, issuertest.Behaviour{}, func(c *openid.Config) { c.Secure = true })
	b = r.browser()
	b.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for host, want := range map[string]string{"lwbs.example:8443": "https://lwbs.example:8443/login/oidc/return", "a@b": "", "a/b": "", "a?b": "", "a#b": ""} {
		if got := redirectOf(b, host); got != want {
			t.Errorf("%s: %q", host, got)
		}
	}
}

// redirectOf is the redirect_uri of a log-in of a browser that asks for a host.
func redirectOf(b *browser, host string) string {
	b.Helper()
	q, err := http.NewRequestWithContext(b.Context(), "GET", b.site+openid.BeginPath, nil)
	if err != nil {
		b.Fatal(err)
	}
	if host != "" {
		q.Host = host
	}
	resp, err := b.Do(q)
	if err != nil {
		b.Fatal(err)
	}
	resp.Body.Close()
	for _, c := range resp.Cookies() {
		if c.Secure != strings.HasPrefix(c.Name, "__Host-") || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode {
			b.Errorf("the cookie is %v", c)
		}
	}
	u, err := resp.Location()
	if err != nil {
		return ""
	}
	return u.Query().Get("redirect_uri")
}

// Where the issuer has a place to log out, browsers are sent there, with the way back.
func TestLogOut(t *testing.T) {
	for end, want := range map[string]string{
		"": "", "https://idp.example/out": "https://idp.example/out?client_id=lwbs&post_logout_redirect_uri=http%3A%2F%2Flwbs.example%2Flogin",
		"https://idp.example/out?p=a": "https://idp.example/out?client_id=lwbs&p=a&post_logout_redirect_uri=http%3A%2F%2Flwbs.example%2Flogin",
	} {
		does := issuertest.Behaviour{}
		if end != "" {
			does.Metadata = map[string]any{"end_session_endpoint": end}
		}
		r := newRig(t, does, nil)
		q, err := http.NewRequestWithContext(t.Context(), "POST", "http://lwbs.example/logout", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.browser().logIn()
		if got := r.provider.LogOut(q); got != want {
			t.Errorf("%s: %q", end, got)
		}
	}
}

// Every mistake of a configuration is reported.
func TestConfig(t *testing.T) {
	good := openid.Config{Issuer: "https://idp.example/realms/x", ClientID: "lwbs", Roles: map[string]access.Role{"a": access.Admin}}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*openid.Config){
		"issuer: the URL is missing": func(c *openid.Config) { c.Issuer = "" },
		"not https":                  func(c *openid.Config) { c.Issuer = "http://idp.example" },
		"is not a URL such as":       func(c *openid.Config) { c.Issuer = "https://user:pass@idp.example" },
		"clientID is missing":        func(c *openid.Config) { c.ClientID = "" },
		"roles is empty":             func(c *openid.Config) { c.Roles = nil },
		`roles: "a" has no role`:     func(c *openid.Config) { c.Roles = map[string]access.Role{"a": 0} },
		"redirectURL: its path":      func(c *openid.Config) { c.RedirectURL = "https://lwbs.example/" },
		"redirectURL: \"http":        func(c *openid.Config) { c.RedirectURL = "http://lwbs.example" + openid.ReturnPath },
		"sessionLimit":               func(c *openid.Config) { c.SessionLimit = 13 * time.Hour },
		"an entry of domains":        func(c *openid.Config) { c.Domains = []string{""} },
	} {
		c := good
		change(&c)
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	other := good
	other.Roles = map[string]access.Role{"a": access.Viewer}
	named := good
	named.Name, named.Scopes = "x", []string{"email"}
	if good.Terms() == other.Terms() || good.Terms() != named.Terms() {
		t.Error("terms tell apart what gives a role, and nothing else")
	}
}
