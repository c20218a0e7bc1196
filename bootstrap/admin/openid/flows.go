package openid

import (
	"container/list"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"golang.org/x/oauth2"

	"lwbs/bootstrap/admin/access"
)

// Limits of a log-in that is under way.
const (
	flowTime  = 10 * time.Minute // from the beginning to the way back
	maxUsed   = 10_000           // states that are remembered as used; each can be used for flowTime only
	maxCookie = 4 << 10          // bytes
)

// The names of the cookie, as those of a session.
const (
	secureCookie = "__Host-lwbs-oidc"
	plainCookie  = "lwbs-oidc"
)

// A flow is a log-in that is under way. It is in a cookie of the browser that began it, sealed: the server keeps
// nothing of it, so that no number of them takes memory. Each is good for one way back.
type flow struct {
	State    string    `json:"s"`
	Nonce    string    `json:"n"`
	Verifier string    `json:"v"` // of PKCE
	Redirect string    `json:"r"`
	Next     string    `json:"t"` // where to go then, on this site
	Until    time.Time `json:"u"`
}

func newFlow(redirect, next string) flow {
	return flow{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), Redirect: redirect, Next: next, Until: time.Now().Add(flowTime)}
}

// flows seal log-ins that are under way, and remember which of them are over.
type flows struct {
	seal cipher.AEAD // with a key of this process

	mu    sync.Mutex
	order *list.List // of states that were used, the oldest in front; guarded by mu
	used  map[string]bool
}

func newFlows() *flows {
	key := make([]byte, 32)
	_, _ = rand.Read(key)           // never fails
	block, _ := aes.NewCipher(key)  // fails for other lengths only
	seal, _ := cipher.NewGCM(block) // fails for other blocks only
	return &flows{seal: seal, order: list.New(), used: make(map[string]bool)}
}

// cookie is the cookie of a flow.
func (f *flows) cookie(of flow, secure bool) (*http.Cookie, error) {
	plain, err := json.Marshal(of)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, f.seal.NonceSize())
	_, _ = rand.Read(nonce) // never fails
	value := base64.RawURLEncoding.EncodeToString(f.seal.Seal(nonce, nonce, plain, nil))
	if len(value) > maxCookie {
		return nil, errLongNext
	}
	return flowCookie(value, int(flowTime.Seconds()), secure), nil
}

// flowCookie makes a cookie. It is Lax, as the way back comes from the issuer.
func flowCookie(value string, maxAge int, secure bool) *http.Cookie {
	name := plainCookie
	if secure {
		name = secureCookie
	}
	return &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: maxAge, Secure: secure, HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

var (
	errLongNext = errors.New("the address to go to after the log-in is too long")

	errExpired = errors.New("the log-in took too long")
	errUsed    = errors.New("the log-in is over already")
)

// take returns the flow of the browser that sent r, and uses it up if state is its own.
func (f *flows) take(r *http.Request, secure bool, state string) (of flow, err error) {
	c, err := r.Cookie(flowCookie("", 0, secure).Name)
	if err != nil {
		return of, access.ErrNoLogIn
	}
	sealed, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil || len(sealed) < f.seal.NonceSize() {
		return of, access.ErrNoLogIn
	}
	n := f.seal.NonceSize()
	plain, err := f.seal.Open(nil, sealed[:n], sealed[n:], nil)
	if err != nil || json.Unmarshal(plain, &of) != nil || !same(of.State, state) {
		return flow{}, access.ErrNoLogIn
	}
	if time.Now().After(of.Until) {
		return flow{}, errExpired
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.used[of.State] {
		return flow{}, errUsed
	}
	f.used[of.State] = true
	if f.order.PushBack(of.State); f.order.Len() > maxUsed {
		delete(f.used, f.order.Remove(f.order.Front()).(string))
	}
	return of, nil
}
