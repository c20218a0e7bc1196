package check_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"lwbs/lwm2m"
	"lwbs/lwm2m/check"
)

var now = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

// pskInfo is Bootstrap Information without a fault.
func pskInfo() lwm2m.BootstrapInfo {
	return lwm2m.BootstrapInfo{Accounts: []lwm2m.ServerAccount{{
		Security: lwm2m.SecurityInstance{
			ID: 1, ServerURI: "coaps://dm.example.com:5684", Mode: lwm2m.SecurityPSK, ShortServerID: 101,
			PublicKeyOrIdentity: []byte("dev-1"), SecretKey: lwm2m.NewSecret(make([]byte, 16)),
		},
		Server: lwm2m.ServerInstance{ShortServerID: 101, Lifetime: time.Hour, NotificationStoring: true, Binding: "U"},
	}}}
}

// keyPair is a P-256 key: SubjectPublicKeyInfo, PKCS#8 and a client's certificate.
func keyPair(t *testing.T, change func(*x509.Certificate)) (spki, pkcs8, cert []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "dev-1"}, NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if change != nil {
		change(template)
	}
	if cert, err = x509.CreateCertificate(rand.Reader, template, template, key.Public(), key); err != nil {
		t.Fatal(err)
	}
	if spki, err = x509.MarshalPKIXPublicKey(key.Public()); err != nil {
		t.Fatal(err)
	}
	if pkcs8, err = x509.MarshalPKCS8PrivateKey(key); err != nil {
		t.Fatal(err)
	}
	return spki, pkcs8, cert
}

// certificateInfo is pskInfo in certificate mode.
func certificateInfo(t *testing.T, change func(*x509.Certificate)) lwm2m.BootstrapInfo {
	_, key, cert := keyPair(t, change)
	_, _, server := keyPair(t, nil)
	b := pskInfo()
	s := &b.Accounts[0].Security
	s.Mode, s.PublicKeyOrIdentity, s.ServerPublicKey, s.SecretKey = lwm2m.SecurityCertificate, cert, server, lwm2m.NewSecret(key)
	return b
}

func rpkInfo(t *testing.T) lwm2m.BootstrapInfo {
	own, key, _ := keyPair(t, nil)
	server, _, _ := keyPair(t, nil)
	b := pskInfo()
	s := &b.Accounts[0].Security
	s.Mode, s.PublicKeyOrIdentity, s.ServerPublicKey, s.SecretKey = lwm2m.SecurityRPK, own, server, lwm2m.NewSecret(key)
	return b
}

func TestConsistentInfoHasNoViolations(t *testing.T) {
	nosec := pskInfo()
	nosec.Accounts[0].Security = lwm2m.SecurityInstance{ID: 1, ServerURI: "coap://[2001:db8::1]", Mode: lwm2m.SecurityNoSec, ShortServerID: 101}
	digest := certificateInfo(t, nil)
	digest.Accounts[0].Security.ServerPublicKey = make([]byte, 32)
	digest.Accounts[0].Security.Extra = []lwm2m.Resource{lwm2m.Single(13, lwm2m.UnsignedValue(1))}
	linked := pskInfo()
	linked.Accounts[0].Server.Extra = []lwm2m.Resource{lwm2m.Single(10, lwm2m.LinkValue(lwm2m.ObjectLink{Object: 11}))}
	linked.Others = []lwm2m.Object{{ID: 11, Instances: []lwm2m.Instance{{Resources: []lwm2m.Resource{
		lwm2m.Single(0, lwm2m.StringValue("home")), lwm2m.Single(4, lwm2m.IntegerValue(3)),
	}}}}}
	for name, b := range map[string]lwm2m.BootstrapInfo{"linked": linked, "psk": pskInfo(), "nosec": nosec, "rpk": rpkInfo(t), "certificate": certificateInfo(t, nil), "digest": digest} {
		if found := check.BootstrapInfo(b, check.Options{Now: now, BootstrapInstance: new(lwm2m.InstanceID)}); len(found) > 0 {
			t.Errorf("%s: %v", name, found)
		}
	}
	if found := check.BootstrapInfo(lwm2m.BootstrapInfo{}, check.Options{Existing: true}); len(found) > 0 {
		t.Errorf("nothing, for a client that keeps its accounts: %v", found)
	}
}

func TestRules(t *testing.T) {
	security := func(change func(*lwm2m.SecurityInstance)) func(*lwm2m.BootstrapInfo) {
		return func(b *lwm2m.BootstrapInfo) { change(&b.Accounts[0].Security) }
	}
	server := func(change func(*lwm2m.ServerInstance)) func(*lwm2m.BootstrapInfo) {
		return func(b *lwm2m.BootstrapInfo) { change(&b.Accounts[0].Server) }
	}
	access := func(a lwm2m.AccessControlInstance) func(*lwm2m.BootstrapInfo) {
		return func(b *lwm2m.BootstrapInfo) { b.AccessControl = []lwm2m.AccessControlInstance{a} }
	}
	other := func(o lwm2m.ObjectID, ids ...lwm2m.InstanceID) func(*lwm2m.BootstrapInfo) {
		return func(b *lwm2m.BootstrapInfo) {
			object := lwm2m.Object{ID: o}
			for _, id := range ids {
				object.Instances = append(object.Instances, lwm2m.Instance{ID: id})
			}
			b.Others = []lwm2m.Object{object}
		}
	}
	oscore := func(change func(*lwm2m.BootstrapInfo)) func(*lwm2m.BootstrapInfo) {
		return func(b *lwm2m.BootstrapInfo) {
			b.OSCORE = []lwm2m.OSCOREInstance{{MasterSecret: lwm2m.NewSecret([]byte("0123456789abcdef")), SenderID: []byte{1}, RecipientID: []byte{2}}}
			b.Accounts[0].Security.OSCORESecurityMode = &lwm2m.ObjectLink{Object: 21}
			change(b)
		}
	}
	certificate := func(change func(*x509.Certificate)) func(*lwm2m.BootstrapInfo) {
		return func(b *lwm2m.BootstrapInfo) { *b = certificateInfo(t, change) }
	}
	spoiled := func(make func(*testing.T) lwm2m.BootstrapInfo, change func(*lwm2m.SecurityInstance)) func(*lwm2m.BootstrapInfo) {
		return func(b *lwm2m.BootstrapInfo) {
			*b = make(t)
			change(&b.Accounts[0].Security)
		}
	}
	valid := func(t *testing.T) lwm2m.BootstrapInfo { return certificateInfo(t, nil) }
	twice := func(b *lwm2m.BootstrapInfo) {
		b.Accounts = append(b.Accounts, b.Accounts[0])
		b.Accounts[1].Security.ID, b.Accounts[1].Server.ID = 2, 2
		b.Accounts[1].Security.ShortServerID, b.Accounts[1].Server.ShortServerID = 102, 102
	}
	tests := []struct {
		rule, path string
		change     func(*lwm2m.BootstrapInfo)
	}{
		{"no-account", "/", func(b *lwm2m.BootstrapInfo) { b.Accounts = nil }},
		{"ssid", "/0/1/10", security(func(s *lwm2m.SecurityInstance) { s.ShortServerID = 0 })},
		{"ssid", "/1/0/0", server(func(s *lwm2m.ServerInstance) { s.ShortServerID = 65535 })},
		{"ssid-pair", "/0/1/10", server(func(s *lwm2m.ServerInstance) { s.ShortServerID = 7 })},
		{"ssid-unique", "/0/2/10", func(b *lwm2m.BootstrapInfo) { twice(b); b.Accounts[1].Security.ShortServerID = 101 }},
		{"bootstrap-server", "/0/1/1", security(func(s *lwm2m.SecurityInstance) { s.BootstrapServer = true })},
		{"bootstrap-server", "/0/9/1", func(b *lwm2m.BootstrapInfo) {
			own := b.Accounts[0].Security
			own.ID = 9
			b.BootstrapServer = &own
		}},
		{"bootstrap-instance", "/0/0", security(func(s *lwm2m.SecurityInstance) { s.ID = 0 })},
		{"instance-unique", "/0/1", func(b *lwm2m.BootstrapInfo) { twice(b); b.Accounts[1].Security.ID = 1 }},
		{"instance-id", "/1", server(func(s *lwm2m.ServerInstance) { s.ID = 65535 })},
		{"uri", "/0/1/0", security(func(s *lwm2m.SecurityInstance) { s.ServerURI = "dm.example.com" })},
		{"uri-length", "/0/1/0", security(func(s *lwm2m.SecurityInstance) { s.ServerURI = "coaps://" + strings.Repeat("x", 250) })},
		{"uri-scheme", "/0/1/0", security(func(s *lwm2m.SecurityInstance) { s.ServerURI = "http://a" })},
		{"uri-mode", "/0/1/0", security(func(s *lwm2m.SecurityInstance) { s.ServerURI = "coap://a" })},
		{"uri-port", "/0/1/0", security(func(s *lwm2m.SecurityInstance) { s.ServerURI = "coaps://a:0" })},
		{"uri-case", "/0/1/0", security(func(s *lwm2m.SecurityInstance) { s.ServerURI = "Coaps://a" })},
		{"uri-user", "/0/1/0", security(func(s *lwm2m.SecurityInstance) { s.ServerURI = "coaps://me@a" })},
		{"uri-host", "/0/1/0", security(func(s *lwm2m.SecurityInstance) { s.ServerURI = "coaps://999.1.1.1" })},
		{"uri-fragment", "/0/1/0", security(func(s *lwm2m.SecurityInstance) { s.ServerURI = "coaps://a#b" })},
		{"uri-path", "/0/1/0", security(func(s *lwm2m.SecurityInstance) { s.ServerURI = "coaps://a/b" })},
		{"uri-host", "/0/1/25", security(func(s *lwm2m.SecurityInstance) {
			s.Extra = []lwm2m.Resource{{ID: 25, Multiple: true, Instances: []lwm2m.ResourceInstance{{Value: lwm2m.StringValue("coaps://1.2.3")}}}}
		})},
		{"mandatory", "/11/0", func(b *lwm2m.BootstrapInfo) {
			b.Others = []lwm2m.Object{{ID: 11, Instances: []lwm2m.Instance{{Resources: []lwm2m.Resource{lwm2m.Single(1, lwm2m.StringValue("internet"))}}}}}
		}},
		{"seconds", "/0/1/11", security(func(s *lwm2m.SecurityInstance) { s.ClientHoldOffTime = 1500 * time.Millisecond })},
		{"security-mode", "/0/1/2", security(func(s *lwm2m.SecurityInstance) { s.Mode = 9 })},
		{"est", "/0/1/2", security(func(s *lwm2m.SecurityInstance) { s.Mode = lwm2m.SecurityEST })},
		{"nosec-credentials", "/0/1/2", security(func(s *lwm2m.SecurityInstance) { s.Mode = lwm2m.SecurityNoSec })},
		{"psk-identity", "/0/1/3", security(func(s *lwm2m.SecurityInstance) { s.PublicKeyOrIdentity = []byte("\xff") })},
		{"psk-identity", "/0/1/3", security(func(s *lwm2m.SecurityInstance) { s.PublicKeyOrIdentity = nil })},
		{"psk-identity", "/0/1/3", security(func(s *lwm2m.SecurityInstance) { s.PublicKeyOrIdentity = make([]byte, 129) })},
		{"psk-key", "/0/1/5", security(func(s *lwm2m.SecurityInstance) { s.SecretKey = lwm2m.NewSecret(make([]byte, 65)) })},
		{"psk-key", "/0/1/5", security(func(s *lwm2m.SecurityInstance) { s.SecretKey = lwm2m.Secret{} })},
		{"psk-short", "/0/1/5", security(func(s *lwm2m.SecurityInstance) { s.SecretKey = lwm2m.NewSecret([]byte("short")) })},
		{"seconds", "/1/0/1", server(func(s *lwm2m.ServerInstance) { s.Lifetime = -time.Second })},
		{"lifetime-zero", "/1/0/1", server(func(s *lwm2m.ServerInstance) { s.Lifetime = 0 })},
		{"lifetime-short", "/1/0/1", server(func(s *lwm2m.ServerInstance) { s.Lifetime = time.Second })},
		{"binding", "/1/0/7", server(func(s *lwm2m.ServerInstance) { s.Binding = "" })},
		{"binding", "/1/0/7", server(func(s *lwm2m.ServerInstance) { s.Binding = "UU" })},
		{"binding", "/1/0/7", server(func(s *lwm2m.ServerInstance) { s.Binding = "X" })},
		{"binding-transport", "/1/0/7", server(func(s *lwm2m.ServerInstance) { s.Binding = "T" })},
		{"periods", "/1/0/3", server(func(s *lwm2m.ServerInstance) {
			s.Extra = []lwm2m.Resource{lwm2m.Single(2, lwm2m.IntegerValue(9)), lwm2m.Single(3, lwm2m.IntegerValue(8))}
		})},
		{"resource", "/1/0/11", server(func(s *lwm2m.ServerInstance) { s.Extra = []lwm2m.Resource{lwm2m.Single(11, lwm2m.UnsignedValue(1))} })},
		{"resource-unknown", "/1/0/99", server(func(s *lwm2m.ServerInstance) { s.Extra = []lwm2m.Resource{lwm2m.Single(99, lwm2m.UnsignedValue(1))} })},
		{"link", "/1/0/10", server(func(s *lwm2m.ServerInstance) {
			s.Extra = []lwm2m.Resource{lwm2m.Single(10, lwm2m.LinkValue(lwm2m.ObjectLink{Object: 11}))}
		})},
		{"sni", "/0/1/14", security(func(s *lwm2m.SecurityInstance) {
			s.Extra = []lwm2m.Resource{lwm2m.Single(14, lwm2m.StringValue("192.0.2.1"))}
		})},
		{"oscore-link", "/0/1/17", oscore(func(b *lwm2m.BootstrapInfo) { b.OSCORE[0].ID = 5 })},
		{"oscore-unused", "/21/0", oscore(func(b *lwm2m.BootstrapInfo) { b.Accounts[0].Security.OSCORESecurityMode = nil })},
		{"oscore-shared", "/0/2/17", oscore(func(b *lwm2m.BootstrapInfo) { twice(b) })},
		{"oscore-secret", "/21/0/0", oscore(func(b *lwm2m.BootstrapInfo) { b.OSCORE[0].MasterSecret = lwm2m.Secret{} })},
		{"oscore-aead", "/21/0/3", oscore(func(b *lwm2m.BootstrapInfo) {
			b.OSCORE[0].Extra = []lwm2m.Resource{lwm2m.Single(3, lwm2m.IntegerValue(14))}
		})},
		{"oscore-hmac", "/21/0/4", oscore(func(b *lwm2m.BootstrapInfo) {
			b.OSCORE[0].Extra = []lwm2m.Resource{lwm2m.Single(4, lwm2m.IntegerValue(1))}
		})},
		{"oscore-id-length", "/21/0/1", oscore(func(b *lwm2m.BootstrapInfo) { b.OSCORE[0].SenderID = make([]byte, 8) })},
		{"oscore-id-length", "/21/0/2", oscore(func(b *lwm2m.BootstrapInfo) {
			b.OSCORE[0].RecipientID, b.OSCORE[0].Extra = []byte{2, 3}, []lwm2m.Resource{lwm2m.Single(3, lwm2m.IntegerValue(12))}
		})},
		{"oscore-unique", "/21/1/1", oscore(func(b *lwm2m.BootstrapInfo) {
			b.OSCORE = append(b.OSCORE, b.OSCORE[0])
			b.OSCORE[1].ID = 1
		})},
		{"oscore-ids", "/21/0/2", oscore(func(b *lwm2m.BootstrapInfo) { b.OSCORE[0].RecipientID = b.OSCORE[0].SenderID })},
		{"acl-missing", "/2", twice},
		{"acl-object", "/2/0/0", access(lwm2m.AccessControlInstance{Object: 0, Owner: 101})},
		{"acl-owner", "/2/0/3", access(lwm2m.AccessControlInstance{Object: 3, Owner: 55})},
		{"acl-server", "/2/0/2/55", access(lwm2m.AccessControlInstance{Object: 3, Owner: 101, Rights: map[uint16]uint8{55: 1}})},
		{"acl-rights", "/2/0/2/0", access(lwm2m.AccessControlInstance{Object: 3, Owner: 101, Rights: map[uint16]uint8{0: 32}})},
		{"other-object", "/0", other(0, 5)},
		{"single-instance", "/3", other(3, 1)},
		{"object-unknown", "/33001/1", other(33001, 1)},
		{"rpk-public", "/0/1/3", spoiled(rpkInfo, func(s *lwm2m.SecurityInstance) { s.PublicKeyOrIdentity = []byte("x") })},
		{"rpk-server", "/0/1/4", spoiled(rpkInfo, func(s *lwm2m.SecurityInstance) { s.ServerPublicKey = nil })},
		{"private-key", "/0/1/5", spoiled(rpkInfo, func(s *lwm2m.SecurityInstance) { s.SecretKey = lwm2m.NewSecret([]byte("x")) })},
		{"digest", "/0/1/4", spoiled(rpkInfo, func(s *lwm2m.SecurityInstance) { s.Extra = []lwm2m.Resource{lwm2m.Single(13, lwm2m.UnsignedValue(3))} })},
		{"key-pair", "/0/1/5", spoiled(rpkInfo, func(s *lwm2m.SecurityInstance) { s.PublicKeyOrIdentity = s.ServerPublicKey })},
		{"certificate", "/0/1/3", spoiled(valid, func(s *lwm2m.SecurityInstance) { s.PublicKeyOrIdentity = []byte("x") })},
		{"server-certificate", "/0/1/4", spoiled(valid, func(s *lwm2m.SecurityInstance) { s.ServerPublicKey = []byte("x") })},
		{"digest", "/0/1/4", spoiled(valid, func(s *lwm2m.SecurityInstance) { s.Extra = []lwm2m.Resource{lwm2m.Single(13, lwm2m.UnsignedValue(1))} })},
		{"expired", "/0/1/3", certificate(func(c *x509.Certificate) { c.NotAfter = now.AddDate(0, 0, -1) })},
		{"not-yet-valid", "/0/1/3", certificate(func(c *x509.Certificate) { c.NotBefore = now.AddDate(0, 0, 1) })},
		{"key-usage", "/0/1/3", certificate(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment })},
		{"extended-key-usage", "/0/1/3", certificate(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })},
		{"curve", "/0/1/5", func(b *lwm2m.BootstrapInfo) {
			key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			*b = rpkInfo(t)
			s := &b.Accounts[0].Security
			s.PublicKeyOrIdentity, _ = x509.MarshalPKIXPublicKey(key.Public())
			private, _ := x509.MarshalPKCS8PrivateKey(key)
			s.SecretKey = lwm2m.NewSecret(private)
		}},
	}
	tested := make(map[string]bool)
	for _, tt := range tests {
		tested[tt.rule] = true
		t.Run(tt.rule+tt.path, func(t *testing.T) {
			b := pskInfo()
			tt.change(&b)
			found := check.BootstrapInfo(b, check.Options{Now: now, BootstrapInstance: new(lwm2m.InstanceID)})
			for _, v := range found {
				if v.Rule == tt.rule && v.Path.String() == tt.path {
					return
				}
			}
			t.Errorf("found %+v, want %s at %s among them", found, tt.rule, tt.path)
		})
	}
	for _, rule := range rulesInTheSource(t) {
		if !tested[rule] {
			t.Errorf("rule %s has no case here", rule)
		}
	}
}

func rulesInTheSource(t *testing.T) (rules []string) {
	t.Helper()
	files, err := filepath.Glob("check*.go")
	if err != nil {
		t.Fatal(err)
	}
	call := regexp.MustCompile(`c\.(?:fail|warn)\([^"\n]*, "([a-z-]+)", "`)
	calls := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		calls += strings.Count(string(source), "c.fail(") + strings.Count(string(source), "c.warn(")
		for _, m := range call.FindAllStringSubmatch(string(source), -1) {
			rules = append(rules, m[1])
		}
	}
	if len(rules) != calls {
		t.Fatalf("found %d rules in %d calls", len(rules), calls)
	}
	return rules
}
