// Package issuertest has an issuer of OpenID Connect for tests: it logs in whoever comes, signs with keys of its own, and
// does wrong what a test asks for. It is as strict as an issuer should be about what a client sends.
package issuertest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// The client that an Issuer knows.
const (
	ClientID     = "lwbs"
	ClientSecret = "a secret & its signs: +%"
)

// An Issuer is one of OpenID Connect. Change what it does with Set.
type Issuer struct {
	URL string

	mu    sync.Mutex
	does  Behaviour
	key   *ecdsa.PrivateKey // guarded by mu
	keys  int               // how many there were; guarded by mu
	codes map[string]grant  // guarded by mu
	asked map[string]int    // requests by path; guarded by mu
}

// A Behaviour is what an Issuer does. Zero is what a good one does.
type Behaviour struct {
	Claims map[string]any // of the ID token, beside or in the place of those that are always there; nil values remove

	Down        bool           // every answer is status 503
	Metadata    map[string]any // of the discovery document, as Claims
	Issuer      string         // how it calls itself in the discovery document
	Iss         string         // the parameter iss of the way back; empty for none
	Refuses     string         // the error that the way back has
	TokenError  string         // the error that the token endpoint answers
	BrokenToken func(string) string
	NoIDToken   bool
	OldKeys     bool // the key set has a former key only
	Huge        bool // the discovery document is endless
}

// A grant is a code that was given.
type grant struct {
	redirect, challenge, nonce string
}

// New starts an Issuer, which ends with the test.
func New(t testing.TB) *Issuer {
	t.Helper()
	i := &Issuer{codes: make(map[string]grant), asked: make(map[string]int)}
	i.Rotate(t)
	s := httptest.NewServer(i)
	t.Cleanup(s.Close)
	i.URL = s.URL
	return i
}

// Rotate gives it another key; the former one is gone.
func (i *Issuer) Rotate(t testing.TB) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.key = key
	i.keys++
}

// Set changes what it does.
func (i *Issuer) Set(b Behaviour) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.does = b
}

// Asked is how often a path was asked for.
func (i *Issuer) Asked(path string) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asked[path]
}

// ServeHTTP implements [http.Handler].
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.asked[r.URL.Path]++
	if i.does.Down {
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		i.discovery(w)
	case "/authorize":
		i.authorize(w, r)
	case "/token":
		i.token(w, r)
	case "/keys":
		i.keySet(w)
	default:
		http.NotFound(w, r)
	}
}

// reply answers with JSON: base with changes.
func reply(w http.ResponseWriter, base, changes map[string]any) {
	maps.Copy(base, changes)
	maps.DeleteFunc(base, func(_ string, v any) bool { return v == nil })
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(base)
}

func (i *Issuer) discovery(w http.ResponseWriter) {
	if i.does.Huge {
		w.Header().Set("Content-Type", "application/json")
		for range 4 << 10 {
			_, _ = fmt.Fprintf(w, "%1024s", "")
		}
	}
	issuer := i.URL
	if i.does.Issuer != "" {
		issuer = i.does.Issuer
	}
	reply(w, map[string]any{
		"issuer": issuer, "authorization_endpoint": i.URL + "/authorize", "token_endpoint": i.URL + "/token", "jwks_uri": i.URL + "/keys",
		"id_token_signing_alg_values_supported": []string{"ES256"}, "response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
	}, i.does.Metadata)
}

func (i *Issuer) keySet(w http.ResponseWriter) {
	id, public := fmt.Sprint("key ", i.keys), &i.key.PublicKey
	if i.does.OldKeys {
		id = "key 0"
	}
	point, _ := public.Bytes() // 4, x, y
	b64 := base64.RawURLEncoding.EncodeToString
	reply(w, map[string]any{"keys": []any{map[string]any{"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": id, "x": b64(point[1:33]), "y": b64(point[33:])}}}, nil)
}

// authorize logs in whoever comes, and sends the browser back.
func (i *Issuer) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	back, err := url.Parse(q.Get("redirect_uri"))
	if err != nil || q.Get("client_id") != ClientID || q.Get("response_type") != "code" || !slices.Contains(strings.Fields(q.Get("scope")), "openid") ||
		q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43 || len(q.Get("state")) < 20 || len(q.Get("nonce")) < 20 {
		http.Error(w, "the request is not as it should be: "+r.URL.RawQuery, http.StatusBadRequest)
		return
	}
	answer := url.Values{"state": {q.Get("state")}}
	if i.does.Iss != "" {
		answer.Set("iss", i.does.Iss)
	}
	if i.does.Refuses != "" {
		answer.Set("error", i.does.Refuses)
		answer.Set("error_description", "<b>as the test says</b>")
	} else {
		code := rand.Text()
		i.codes[code] = grant{q.Get("redirect_uri"), q.Get("code_challenge"), q.Get("nonce")}
		answer.Set("code", code)
	}
	back.RawQuery = answer.Encode()
	http.Redirect(w, r, back.String(), http.StatusSeeOther)
}

// token gives an ID token for a code, once.
func (i *Issuer) token(w http.ResponseWriter, r *http.Request) {
	fail := func(code string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": code, "error_description": "no"})
	}
	name, secret, basic := r.BasicAuth()
	name, _ = url.QueryUnescape(name) // RFC 6749 section 2.3.1
	secret, _ = url.QueryUnescape(secret)
	if !basic {
		name, secret = r.FormValue("client_id"), r.FormValue("client_secret")
	}
	if methods, given := i.does.Metadata["token_endpoint_auth_methods_supported"].([]string); given && basic && !slices.Contains(methods, "client_secret_basic") {
		fail("invalid_client")
		return
	}
	if name != ClientID || secret != ClientSecret {
		fail("invalid_client")
		return
	}
	if i.does.TokenError != "" {
		fail(i.does.TokenError)
		return
	}
	g, ok := i.codes[r.FormValue("code")]
	delete(i.codes, r.FormValue("code"))
	sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	if !ok || r.FormValue("grant_type") != "authorization_code" || r.FormValue("redirect_uri") != g.redirect || base64.RawURLEncoding.EncodeToString(sum[:]) != g.challenge {
		fail("invalid_grant")
		return
	}
	now := time.Now()
	claims := map[string]any{
		"iss": i.URL, "aud": ClientID, "sub": "248289761001", "exp": now.Add(5 * time.Minute).Unix(), "iat": now.Unix(), "nonce": g.nonce,
		"email": "Ada@Example.com", "email_verified": true, "preferred_username": "ada", "groups": []string{"staff", "lwbs-admins"},
	}
	maps.Copy(claims, i.does.Claims)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	answer := map[string]any{"access_token": "an access token", "token_type": "Bearer", "expires_in": 300}
	if !i.does.NoIDToken {
		answer["id_token"] = i.sign(claims)
	}
	reply(w, answer, nil)
}

// sign makes a token, RFC 7515 with ES256 of RFC 7518 section 3.4.
func (i *Issuer) sign(claims map[string]any) string {
	head, _ := json.Marshal(map[string]string{"alg": "ES256", "typ": "JWT", "kid": fmt.Sprint("key ", i.keys)})
	body, _ := json.Marshal(claims)
	b64 := base64.RawURLEncoding.EncodeToString
	text := b64(head) + "." + b64(body)
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, i.key, sum[:])
	if err != nil {
		panic(err) // in a test
	}
	token := text + "." + b64(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
	if i.does.BrokenToken != nil {
		token = i.does.BrokenToken(token)
	}
	return token
}
