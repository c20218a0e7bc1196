package leshan

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"strings"
)

// A Role is what a token permits. Each permits what those before it do.
type Role int

// The roles, by their words in a token file.
const (
	RoleNone   Role = iota
	RoleRead        // read: GET, with keys left empty
	RoleWrite       // write: PUT, POST and DELETE
	RoleReveal      // reveal: GET shows keys
)

var roles = map[string]Role{"read": RoleRead, "write": RoleWrite, "reveal": RoleReveal}

// Limits of a token file.
const (
	MinToken  = 16 // characters
	maxToken  = 256
	maxTokens = 64
)

// Tokens say which token has which role. The zero value has none.
type Tokens struct {
	digests []digest
}

type digest struct {
	sum  [sha256.Size]byte
	role Role
}

// ParseTokens reads the lines of a token file: a role and a token, or a token alone, which has the role write. Empty
// lines and those that begin with # say nothing. Errors name the line, and repeat no token.
func ParseTokens(text []byte) (Tokens, error) {
	var t Tokens
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		words := strings.Fields(lines.Text())
		role := RoleWrite
		switch {
		case len(words) == 0 || strings.HasPrefix(words[0], "#"):
			continue
		case len(words) == 2:
			if role = roles[words[0]]; role == RoleNone {
				return Tokens{}, fmt.Errorf("line %d: the first of two words is no role; there are read, write and reveal", n)
			}
		case len(words) > 2:
			return Tokens{}, fmt.Errorf("line %d has %d words; it is a token, or a role and a token", n, len(words))
		}
		token := words[len(words)-1]
		switch {
		case len(token) < MinToken || len(token) > maxToken:
			return Tokens{}, fmt.Errorf("line %d: the token has %d characters; %d to %d are possible", n, len(token), MinToken, maxToken)
		case t.Role(token) != RoleNone:
			return Tokens{}, fmt.Errorf("line %d: the token is there a second time", n)
		case len(t.digests) == maxTokens:
			return Tokens{}, fmt.Errorf("line %d: there can be %d tokens", n, maxTokens)
		}
		t.digests = append(t.digests, digest{sha256.Sum256([]byte(token)), role})
	}
	if err := lines.Err(); err != nil {
		return Tokens{}, fmt.Errorf("a line is too long")
	}
	if len(t.digests) == 0 {
		return Tokens{}, fmt.Errorf("there is no token in it: write one of at least %d characters, such as from openssl rand -hex 16", MinToken)
	}
	return t, nil
}

// Role is what a token permits. The time that it takes tells nothing of the tokens.
func (t Tokens) Role(token string) (role Role) {
	sum := sha256.Sum256([]byte(token))
	for _, d := range t.digests {
		if subtle.ConstantTimeCompare(d.sum[:], sum[:]) == 1 {
			role = d.role
		}
	}
	return role
}

// roleOf is what the token of a request permits: a Bearer token (RFC 6750), or the password of Basic authentication
// with any user (RFC 7617), which scripts send that are given a URL or a netrc file.
func (t Tokens) roleOf(r *http.Request) Role {
	if _, password, ok := r.BasicAuth(); ok {
		return t.Role(password)
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return RoleNone
	}
	return t.Role(strings.TrimSpace(token))
}
