package auth_test

import (
	"crypto/x509"
	"strings"
	"testing"

	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/certtest"
)

func TestNewTrustWantsListsSigned(t *testing.T) {
	root, other := certtest.NewAuthority(t, "Root"), certtest.NewAuthority(t, "Other")
	_, err := auth.NewTrust([]*x509.Certificate{root.Certificate}, []*x509.RevocationList{certtest.ParseList(t, other.Revoke(t))}, nil)
	if err == nil || !strings.Contains(err.Error(), "Other") {
		t.Errorf("a list that another CA signed: %v", err)
	}
}
