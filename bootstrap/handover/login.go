package handover

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"lwbs/lwm2m"
)

// A login sends the requests of a user, who has a token from logging in, and logs in again where the server takes
// that token no more.
type login struct {
	*client
	request request // logs in
	member  string  // of its answer, which is a JSON object: the token
	header  string  // in which requests carry the token, behind "Bearer "

	turn  locks // held by whoever logs in
	token string
}

// authorized sends a request as the user. It notes in r what an error must not repeat.
func (l *login) authorized(ctx context.Context, r *request) (status int, answer []byte, err error) {
	for refused := ""; ; {
		token, err := l.tokenAfter(ctx, refused)
		if err != nil {
			return 0, nil, err
		}
		r.header = map[string]string{l.header: "Bearer " + token}
		r.hide = append(r.hide, lwm2m.NewSecret([]byte(token)))
		status, answer, err = l.send(ctx, *r)
		if status != http.StatusUnauthorized || refused != "" {
			return status, answer, err
		}
		refused = token
	}
}

// tokenAfter returns the present token, or that of another log-in where there is none, or it was refused.
func (l *login) tokenAfter(ctx context.Context, refusedToken string) (string, error) {
	unlock, err := l.turn.lock(ctx, "")
	if err != nil {
		return "", unavailable("it did not answer in time")
	}
	defer unlock()
	if l.token != "" && l.token != refusedToken {
		return l.token, nil
	}
	l.token = ""
	var answer map[string]json.RawMessage
	if err := l.decode(ctx, l.request, &answer); err != nil {
		return "", err
	}
	var token string
	if json.Unmarshal(answer[l.member], &token) != nil || token == "" || strings.ContainsFunc(token, notOfToken) {
		return "", refused("the log-in gives no token: check its address")
	}
	l.token = token
	return token, nil
}

// notOfToken reports whether a character cannot be in a token (RFC 6750, Section 2.1).
func notOfToken(c rune) bool { return c <= ' ' || c >= 0x7f }
