package auth

import (
	"crypto/x509"
	"fmt"
	"testing"
	"time"

	"lwbs/bootstrap/certtest"
	"lwbs/store"
)

// What was vouched for once is not believed longer, of no other chain, and not by a Trust that knows of a revocation.
func TestVouchedIsNoMoreThanVouch(t *testing.T) {
	root := certtest.NewAuthority(t, "Root")
	between := root.Authority(t, "Between", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(time.Hour).UTC() })
	client := between.Client(t, "dev")
	chain := certtest.Chain(t, client)
	other := certtest.Chain(t, between.Client(t, "dev"))
	trust, err := NewTrust([]*x509.Certificate{root.Certificate}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	stricter, err := NewTrust([]*x509.Certificate{root.Certificate, between.Certificate}, []*x509.RevocationList{certtest.ParseList(t, between.Revoke(t, client))}, nil)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	tests := []struct {
		what  string
		trust *Trust
		chain []*x509.Certificate
		at    time.Time
		want  store.Cause
	}{
		{"it", trust, chain, now, ""},
		{"it, a second later", trust, chain, now.Add(time.Second), ""},
		{"it, remembered no longer", trust, chain, now.Add(2 * vouchedFor), ""},
		{"after the CA between has expired", trust, chain, now.Add(2 * time.Hour), store.CauseCertificateExpired},
		{"before the certificate is valid", trust, chain, chain[0].NotBefore.Add(-time.Second), store.CauseCertificateEarly},
		{"without the CA between", trust, chain[:1], now, store.CauseCertificateUntrusted},
		{"another of the same name, with it", trust, other, now, ""},
		{"another of the same name, without it", trust, other[:1], now, store.CauseCertificateUntrusted},
		{"by a Trust that knows that it was revoked", stricter, chain, now, store.CauseCertificateRevoked},
		{"it, again", trust, chain, now, ""},
	}
	for range 2 { // and a second time
		for _, test := range tests {
			paths, f := test.trust.vouch(test.chain, test.at)
			switch {
			case f == nil && test.want != "" || f != nil && f.Cause != test.want:
				t.Errorf("%s: %v, want %q", test.what, f, test.want)
			case f == nil && (len(paths) != 1 || len(paths[0]) != 3 || paths[0][0] != test.chain[0] || !paths[0][1].Equal(between.Certificate) || !paths[0][2].Equal(root.Certificate)):
				t.Errorf("%s: the paths are %v", test.what, paths)
			}
		}
	}
}

// A signature is checked once in a session.
func TestVouchedIsRemembered(t *testing.T) {
	root := certtest.NewAuthority(t, "Root")
	chain := certtest.Chain(t, root.Client(t, "dev"))
	trust, err := NewTrust([]*x509.Certificate{root.Certificate}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	vouch := func() {
		if _, f := trust.vouch(chain, time.Now()); f != nil {
			t.Error(f)
		}
	}
	vouch()
	if n := testing.AllocsPerRun(50, vouch); n > 6 {
		t.Errorf("it takes %v allocations when it is remembered", n)
	}
	key := keyOf(chain)
	if trust.vouched.get(key, chain[0], time.Now()) == nil || trust.vouched.get(key, chain[0], time.Now().Add(vouchedFor+time.Minute)) != nil {
		t.Error("it is not remembered, or for too long")
	}
}

// A bounded number of chains is remembered; those that are asked for stay.
func TestVouchedLimits(t *testing.T) {
	var v vouched
	leaf := &x509.Certificate{}
	key := func(i int) chainKey { return keyOf([]*x509.Certificate{{Raw: fmt.Append(nil, i)}}) }
	now := time.Now()
	good := [][]*x509.Certificate{{{NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}}}
	for i := range 5 * maxVouched {
		v.add(key(i), good, now)
		if i%(maxVouched/2) == 0 && v.get(key(0), leaf, now) == nil {
			t.Fatalf("one that is asked for is forgotten after %d others", i)
		}
	}
	if n := len(v.young) + len(v.old); n > 2*maxVouched {
		t.Errorf("%d are remembered", n)
	}
	if v.get(key(1), leaf, now) != nil {
		t.Error("the first are remembered")
	}
}
