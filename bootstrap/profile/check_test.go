package profile

import (
	"strings"
	"testing"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/grammar"
)

// What a profile must not say, and where and how it is told.
func TestCheckProfile(t *testing.T) {
	second := func(p *store.Profile) {
		p.Accounts = append(p.Accounts, store.Account{Name: "b", URI: "coaps://b.example", ShortServerID: 102})
	}
	tests := []struct {
		name   string
		change func(*store.Profile)
		place  string // of a finding; empty: only warnings
		told   string
	}{
		{"good", func(*store.Profile) {}, "", ""},
		{"pack", func(p *store.Profile) { p.Pack = grammar.PackAllow }, "", ""},
		{"age of keys", func(p *store.Profile) { p.RotateAfter = store.Duration(time.Hour) }, "", ""},
		{"age of keys in seconds by mistake", func(p *store.Profile) { p.RotateAfter = store.Duration(365 * time.Second) }, "rotateAfter", "write days with a d, such as 365d"},
		{"word that is none", func(p *store.Profile) { p.Pack = "yes" }, "pack", `"yes" is not one of`},
		{"pack with a renewed key", func(p *store.Profile) { p.Pack, p.Accounts[0].Key = grammar.PackAllow, store.KeyRenew }, "pack", `account "main"`},
		{"Bootstrap-Server Account", func(p *store.Profile) {
			p.BootstrapServer = &store.BootstrapServer{URI: "coaps://bs.{{.Vars.region}}.example", Identity: "{{.Endpoint}}"}
		}, "", ""},
		{"Bootstrap-Server Account over plain CoAP", func(p *store.Profile) { p.BootstrapServer = &store.BootstrapServer{URI: "coap://bs.example"} }, "bootstrapServer.uri", "goes with security mode NoSec only"},
		{"Bootstrap-Server Account without an address", func(p *store.Profile) { p.BootstrapServer = &store.BootstrapServer{} }, "bootstrapServer.uri", "is not a server URI"},
		{"Bootstrap-Server Account with a bad template", func(p *store.Profile) {
			p.BootstrapServer = &store.BootstrapServer{URI: "coaps://bs.example", Identity: "{{.Name}}"}
		}, "bootstrapServer.identity", "template"},
		{"Bootstrap-Server Account with a word that is none", func(p *store.Profile) {
			p.BootstrapServer = &store.BootstrapServer{URI: "coaps://bs.example", Key: "rotate"}
		}, "bootstrapServer.key", `"rotate" is not one of`},
		{"Bootstrap-Server Account in a pack", func(p *store.Profile) {
			p.Pack, p.BootstrapServer = grammar.PackAllow, &store.BootstrapServer{URI: "coaps://bs.example"}
		}, "pack", "a pack never holds"},
		{"gateway in a pack", func(p *store.Profile) {
			p.Pack, p.Objects = grammar.PackAllow, []store.ObjectValues{{Path: lwm2m.InstancePath(25, 0)}}
		}, "pack", "a pack never holds"},
		{"account with its name", func(p *store.Profile) { p.Accounts[0].Name = store.BootstrapServerAccount }, "accounts[0].name", "the name of the Bootstrap-Server Account"},
		{"identity of the Bootstrap-Server Account too long", func(p *store.Profile) {
			p.BootstrapServer, p.Device.MaxIdentity = &store.BootstrapServer{URI: "coaps://bs.example"}, 7
		}, "bootstrapServer.identity", "holds 7"},
		{"way to write that is none", func(p *store.Profile) { p.Device.Writes = "all" }, "device.writes", `"all" is not one of`},
		{"order that is none", func(p *store.Profile) { p.Device.Order = "device-first" }, "device.order", "is not one of"},
		{"as many accounts as there is room for", func(p *store.Profile) { p.Device.MaxAccounts = 1 }, "", ""},
		{"more accounts than there is room for", func(p *store.Profile) {
			p.Device.MaxAccounts = 1
			second(p)
		}, "accounts", "holds 1"},
		{"fits in parts", func(p *store.Profile) { p.Device.MaxPayload = 24 }, "", ""},
		{"does not fit in parts", func(p *store.Profile) { p.Device.MaxPayload = 16 }, "accounts[0].uri", "takes 20 bytes in tlv"},
		{"Bootstrap-Server Account goes whole", func(p *store.Profile) {
			p.BootstrapServer, p.Device.MaxPayload = &store.BootstrapServer{URI: "coaps://bs.example"}, 40
		}, "bootstrapServer", "holds 40"},
		{"OSCORE", func(p *store.Profile) {
			p.Accounts[0].OSCORE = &store.OSCORE{SenderID: "hex:{{.Vars.id}}1", RecipientID: "s", AEADAlgorithm: new(12)}
		}, "", ""},
		{"OSCORE with identifiers of the device", func(p *store.Profile) {
			p.Accounts[0].OSCORE = &store.OSCORE{SenderID: "{{.Vars.sender}}", RecipientID: "{{.Vars.recipient}}"}
		}, "", ""},
		{"OSCORE with one identifier for both", func(p *store.Profile) {
			p.Accounts[0].OSCORE = &store.OSCORE{SenderID: "{{.Vars.id}}", RecipientID: "{{.Vars.id}}"}
		}, "accounts[0].oscore.recipientID", "are the same"},
		{"OSCORE without DTLS", func(p *store.Profile) {
			p.Accounts[0].URI, p.Accounts[0].OSCORE = "coap://a.example", &store.OSCORE{RecipientID: "s", MasterSecret: store.KeySupplied}
		}, "", ""},
		{"OSCORE twice, with the same identifiers", func(p *store.Profile) {
			p.Accounts[0].OSCORE = &store.OSCORE{RecipientID: "s"}
			p.Accounts = append(p.Accounts, store.Account{Name: "b", URI: "coaps://b.example", ShortServerID: 102, OSCORE: &store.OSCORE{RecipientID: "s"}})
			p.NoAccessControl = true
		}, "", ""},
		{"two accounts without access control", second, "accessControl", "accessControl: none"},
		{"two accounts, deliberately without", func(p *store.Profile) {
			second(p)
			p.NoAccessControl = true
		}, "", ""},
		{"two accounts with access control", func(p *store.Profile) {
			second(p)
			p.AccessControl = []store.AccessControl{{Object: 3, Owner: 101, Rights: map[uint16]uint8{102: 1}}}
		}, "", ""},
		{"no account", func(p *store.Profile) { p.Accounts = nil }, "accounts", "no LwM2M Server Account"},
		{"no account, the device has one", func(p *store.Profile) {
			p.Accounts, p.Delete.Mode = nil, store.DeleteNone
			p.AccessControl = []store.AccessControl{{Object: 3, Owner: 9, Rights: map[uint16]uint8{9: 1}}}
		}, "", ""},
		{"no account in a pack", func(p *store.Profile) { p.Accounts, p.Delete.Mode, p.Pack = nil, store.DeleteNone, grammar.PackAllow }, "pack", "has to hold an account"},
		{"rights of an unknown server", func(p *store.Profile) {
			p.AccessControl = []store.AccessControl{{Object: 3, Owner: 101, Rights: map[uint16]uint8{9: 1}}}
		}, "accessControl[0]", "of no account"},
		{"access control and none", func(p *store.Profile) {
			p.NoAccessControl = true
			p.AccessControl = []store.AccessControl{{Object: 3, Owner: 101}}
		}, "accessControl", "there is some"},

		{"OSCORE without identifiers", func(p *store.Profile) { p.Accounts[0].OSCORE = &store.OSCORE{} }, "accounts[0].oscore.recipientID", "are the same"},
		{"OSCORE identifier too long", func(p *store.Profile) { p.Accounts[0].OSCORE = &store.OSCORE{SenderID: "{{.Endpoint}}-1"} }, "accounts[0].oscore.senderID", "at most 7"},
		{"OSCORE identifier of no bytes", func(p *store.Profile) { p.Accounts[0].OSCORE = &store.OSCORE{SenderID: "hex:0"} }, "accounts[0].oscore.senderID", "hex"},
		{"OSCORE algorithm", func(p *store.Profile) { p.Accounts[0].OSCORE = &store.OSCORE{SenderID: "c", AEADAlgorithm: new(99)} }, "accounts[0].oscore.aeadAlgorithm", "99 is no AEAD"},
		{"OSCORE master secret renewed", func(p *store.Profile) {
			p.Accounts[0].OSCORE = &store.OSCORE{SenderID: "c", MasterSecret: store.KeyRenew}
		}, "accounts[0].oscore.masterSecret", "is not one of"},
		{"OSCORE link set by hand", func(p *store.Profile) {
			p.Accounts[0].SecurityResources = map[lwm2m.ResourceID]store.Literal{17: {Text: new("21:0")}}
		}, "accounts[0].securityResources[17]", "cannot be set"},
		{"secret of the SMS binding", func(p *store.Profile) {
			p.Accounts[0].SecurityResources = map[lwm2m.ResourceID]store.Literal{7: {Text: new("hex:01")}}
		}, "accounts[0].securityResources[7]", "profiles hold none"},
		{"secret of the SMS binding, as text", func(p *store.Profile) {
			p.Accounts[0].SecurityResources = map[lwm2m.ResourceID]store.Literal{8: {Text: new("key")}}
		}, "accounts[0].securityResources[8]", "profiles hold none"},
		{"delete where the Bootstrap-Server Account is", func(p *store.Profile) {
			p.Delete = store.DeletePolicy{Mode: store.DeleteList, Paths: []lwm2m.Path{lwm2m.InstancePath(0, 0)}}
		}, "", ""},
		{"variable with a hyphen", func(p *store.Profile) { p.Accounts[0].Identity = "{{.Vars.my-id}}" }, "accounts[0].identity", "names of variables in templates have letters, digits and _"},
		{"delete of a Resource", func(p *store.Profile) {
			p.Delete = store.DeletePolicy{Mode: store.DeleteList, Paths: []lwm2m.Path{lwm2m.ResourcePath(1, 0, 1)}}
		}, "delete[0]", "/1/0/1 cannot be deleted"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := store.Profile{Name: "p", Accounts: []store.Account{{Name: "main", URI: "coaps://a.example", ShortServerID: 101}}}
			tt.change(&p)
			told := false
			for _, f := range Check(p, nil) {
				switch {
				case f.Warning:
				case tt.place == "":
					t.Errorf("unexpected: %v", f)
				case f.Place == tt.place && strings.Contains(f.Message, tt.told):
					told = true
				}
			}
			if tt.place != "" && !told {
				t.Errorf("findings %v, want %q at %s", Check(p, nil), tt.told, tt.place)
			}
		})
	}
}
