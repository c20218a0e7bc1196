package sim

import (
	"slices"
	"time"

	"lwbs/lwm2m"
)

// A Personality is a device as one client implementation makes it.
type Personality struct {
	// Name is what to ask for, such as "wakaama".
	Name string

	// Client is the implementation, and Source where its behaviour was read or seen.
	Client string
	Source string

	// Config is the device. Endpoint, the credentials of BootstrapServer and Dial are to
	// be filled in; a dialler that sees datagrams puts a tap of Stack.Wire on each
	// association.
	Config Config
}

// PersonalityOf returns the personality of a name.
func PersonalityOf(name string) (p Personality, ok bool) {
	all := Personalities()
	i := slices.IndexFunc(all, func(p Personality) bool { return p.Name == name })
	if i < 0 {
		return Personality{}, false
	}
	return all[i], true
}

// PersonalityNames are the names of [Personalities], in their order.
func PersonalityNames() (names []string) {
	for _, p := range Personalities() {
		names = append(names, p.Name)
	}
	return names
}

// Personalities are those of the clients whose behaviour is known, in alphabetical
// order. A Config is the caller's to change, but not the elements of its slices.
func Personalities() []Personality {
	return []Personality{
		anjay("anjay-1.0", "1.0", 0, 0),
		anjay("anjay-1.1", "1.1", lwm2m.FormatSenMLCBOR, 0),
		anjay("anjay-1.2", "1.2", lwm2m.FormatSenMLCBOR, lwm2m.FormatSenMLCBOR),
		{
			Name: "anjay-lite", Client: "Anjay Lite at 386c4fe4",
			Source: "its source: never asks for a pack, leaves right after Finish",
			Config: Config{Version: "1.2", PreferredFormat: lwm2m.FormatSenMLCBOR, Stack: Stack{
				Finishes: Finishing{Rearms: true, Stays: time.Millisecond},
			}},
		},
		{
			Name: "awa", Client: "AwaLWM2M",
			Source: "core/src/client/lwm2m_bootstrap.c, lwm2m_security_object.c; its issue 358",
			Config: Config{Version: "1.0", SessionTimeout: 15 * time.Second, Stack: Stack{
				Reads:    Reading{Nothing: true},
				Writes:   Writing{Formats: tlvAndText, MaxBytes: keyBuffers(255, 64)},
				Deletes:  Deleting{WholeObject: lwm2m.CodeMethodNotAllowed},
				Finishes: Finishing{Unchecked: true},
				Returns:  Returning{AfterRefusal: true, AfterFailure: true},
			}},
		},
		{
			Name: "contiki-ng", Client: "Contiki-NG",
			Source: "os/services/lwm2m/lwm2m-rd-client.c, lwm2m-engine.c: takes 2.04 for the end, and looks at every tick",
			Config: Config{Version: "1.0", Stack: Stack{
				Reads:    Reading{Nothing: true},
				Writes:   Writing{Formats: tlvAndText, MaxBytes: keyBuffers(64, 32)},
				Finishes: Finishing{Unchecked: true, Tick: 500 * time.Millisecond},
				Returns:  Returning{AfterRefusal: true, AfterFailure: true, AfterNothing: true},
			}},
		},
		leshan("leshan-1.5", "Eclipse Leshan 1.5.0", 0, LinkForm{Root: `</>;lwm2m=1.0`}, func(s *Stack) {
			s.Reads.Nothing = true
			s.Writes.Formats = []lwm2m.Format{lwm2m.FormatTLV}
			s.Finishes.Unchecked = true
		}),
		leshan("leshan-2.0", "Eclipse Leshan 2.0.0-M18", lwm2m.FormatSenMLCBOR,
			LinkForm{Root: `</>;lwm2m=1.0`, Versions: map[lwm2m.ObjectID]string{0: "1.2", 3: "1.2"}, URIs: true},
			func(s *Stack) { s.Finishes.EmptyIsFine, s.Returns.AfterNothing = true, true }),
		{
			Name: "mbed-cloud-client", Client: "Pelion (mbed-cloud-client)",
			Source: "ARMmbed/mbed-cloud-client issue 80: refuses to delete Object 1",
			Config: Config{Version: "1.0", Refuse: map[string]lwm2m.Code{"DELETE /1": lwm2m.CodeMethodNotAllowed}},
		},
		{
			Name: "module-2.01", Client: "an LwM2M 1.0 module that its report does not name",
			Source: "Leshan issue 156: answers a Write with 2.01",
			Config: Config{Version: "1.0", Stack: Stack{Writes: Writing{Accepted: lwm2m.CodeCreated, Formats: tlvAndText}}},
		},
		zephyr("nrf91", "Nordic nRF91 (nRF Connect SDK)", "nrfconnect/sdk-nrf pull requests 2997, 7200, 8625: puts the keys into the modem while offline",
			"1.1", lwm2m.FormatSenMLCBOR, func(c *Config) { c.Stack.Finishes.Stays = time.Millisecond }),
		{
			Name: "quectel-bg95", Client: "Quectel BG95",
			Source: "carrier documents: bootstraps as urn:imei-msisdn, and registers as urn:imei",
			Config: Config{Version: "1.0", Stack: Stack{Writes: Writing{Formats: tlvAndText}}},
		},
		{
			Name: "riot", Client: "RIOT's package of Wakaama at ee0c98d",
			Source: "pkg/wakaama/contrib/objects/Kconfig.security, contrib/lwm2m_client_connection.c",
			Config: Config{Version: "1.0", Stack: Stack{
				Reads: Reading{Forbidden: lwm2m.CodeBadRequest},
				Writes: Writing{
					Formats: tlvAndText, WrongFormat: lwm2m.CodeBadRequest, NoServerID: lwm2m.CodeNotAcceptable, MaxInstances: 2,
					MaxBytes: map[lwm2m.ResourceID]int{0: 64, 3: 128, 4: 128, 5: 64},
				},
				Deletes:  asWakaamaDeletes,
				Finishes: Finishing{EmptyIsFine: true, Rearms: true},
				Returns:  Returning{AfterRefusal: true, AfterFailure: true, AfterNothing: true},
			}},
		},
		{
			Name: "small-blocks", Client: "any client with one small buffer",
			Source: "RFC 7959 §2.9.3: answers 4.13 with the block size that it wants",
			Config: Config{Stack: Stack{Wire: Wire{MaxBlock: 64}}},
		},
		{
			Name: "soletta", Client: "Soletta, early",
			Source: "its pull requests 2183, 2217: only Writes of single Resources are to be relied on",
			Config: Config{Version: "1.0", Stack: Stack{Writes: Writing{Formats: tlvAndText, Whole: lwm2m.CodeBadRequest}}},
		},
		{
			Name: "u-blox-sara", Client: "u-blox SARA-R4",
			Source: "its application notes: where its NAT address changes it shakes hands anew, and asks again",
			Config: Config{Version: "1.0", Stack: Stack{Writes: Writing{Formats: tlvAndText}, Returns: Returning{LosesAt: 3}}},
		},
		{
			Name: "wakaama", Client: "Eclipse Wakaama at f91cfe0",
			Source: "core/bootstrap.c, core/discover.c, examples/client/common; seen on loopback",
			Config: Config{PreferredFormat: lwm2m.FormatSenMLJSON, Stack: Stack{
				Objects: withoutOSCORE,
				Reads:   Reading{Forbidden: lwm2m.CodeBadRequest},
				Writes: Writing{
					Formats: append([]lwm2m.Format{lwm2m.FormatSenMLJSON}, tlvAndText...), WrongFormat: lwm2m.CodeBadRequest,
					CommonBase64: true, NoServerID: lwm2m.CodeNotAcceptable,
					Unknown: []Unknown{{lwm2m.ObjectSecurity, 12, lwm2m.CodeBadRequest}, {lwm2m.ObjectServer, 23, lwm2m.CodeNotFound}},
				},
				Deletes: asWakaamaDeletes,
				// On tinydtls it never closes an association by itself.
				Finishes: Finishing{EmptyIsFine: true, Rearms: true, Stays: 10 * time.Second},
				Returns:  Returning{AfterRefusal: true, AfterFailure: true, AfterNothing: true},
			}},
		},
		{
			Name: "wakaama-old", Client: "Wakaama of LwM2M 1.0, in node-red-contrib-lwm2m 2.12.3",
			Source: "deps/wakatiwai; Wakaama issue 445, pull request 446; seen on loopback",
			Config: Config{Version: "1.0",
				Refuse: map[string]lwm2m.Code{"GET /": lwm2m.CodeBadRequest},
				Stack: Stack{
					Writes:   Writing{Formats: tlvAndText, WrongFormat: lwm2m.CodeBadRequest, NoServerID: lwm2m.CodeNotAcceptable},
					Deletes:  Deleting{Absent: asWakaamaDeletes.Absent, Protected: asWakaamaDeletes.Protected, Loses: []lwm2m.ResourceID{3, 5}},
					Finishes: Finishing{EmptyIsFine: true, Rearms: true},
					Returns:  Returning{AfterRefusal: true, AfterFailure: true, AfterNothing: true},
					Wire:     Wire{StrayAck: true},
				}},
		},
		zephyr("zephyr", "Zephyr since 4.0", "subsys/net/lib/lwm2m: lwm2m_rd_client.c, lwm2m_obj_security.c, lwm2m_message_handling.c, Kconfig; pull request 62494",
			"1.1", lwm2m.FormatSenMLCBOR, nil),
		zephyr("zephyr-1.14", "Zephyr before 2.0", "issue 18080, pull request 18350: does not know Finish",
			"1.0", 0, func(c *Config) { c.Refuse = map[string]lwm2m.Code{"POST /bs": lwm2m.CodeNotFound} }),
		zephyr("zephyr-3.7", "Zephyr before 4.0", "issue 77061, pull request 78085: a version without a target, and an empty account with Short Server ID 0",
			"1.1", 0, func(c *Config) {
				c.Stack.Links.Root = `lwm2m="1.1"`
				c.Holds = []lwm2m.Object{{ID: lwm2m.ObjectSecurity, Instances: []lwm2m.Instance{{ID: 1, Resources: []lwm2m.Resource{
					lwm2m.Single(1, lwm2m.BooleanValue(false)), lwm2m.Single(10, lwm2m.IntegerValue(0)),
				}}}}}
			}),
	}
}

var tlvAndText = []lwm2m.Format{lwm2m.FormatTLV, lwm2m.FormatText, lwm2m.FormatOpaque}

var withoutOSCORE = []lwm2m.ObjectID{lwm2m.ObjectSecurity, lwm2m.ObjectServer, lwm2m.ObjectAccessControl, lwm2m.ObjectDevice}

var asWakaamaDeletes = Deleting{Absent: lwm2m.CodeNotFound, Protected: lwm2m.CodeMethodNotAllowed, Unguarded: true}

// keyBuffers are those of a Security Instance, in bytes.
func keyBuffers(uri, key int) map[lwm2m.ResourceID]int {
	return map[lwm2m.ResourceID]int{0: uri, 3: key, 4: key, 5: key}
}

// anjay is Anjay's demonstration client, with a highest version of LwM2M.
func anjay(name, version string, preferred, pack lwm2m.Format) Personality {
	root := `</>;lwm2m=` + version
	if version == "1.0" {
		root = `lwm2m="1.0"`
	}
	return Personality{
		Name: name, Client: "Anjay 3.14.0 at 28b09873",
		Source: "src/core/anjay_bootstrap_core.c, src/core/dm/anjay_discover.c; seen on loopback",
		Config: Config{
			Version: version, PreferredFormat: preferred, Pack: pack, OmitAccount: true, Merge: true,
			BootstrapServer: lwm2m.SecurityInstance{ID: 1},
			Stack: Stack{
				Objects:  withoutOSCORE,
				Asks:     Asking{AgainAs10: true},
				Links:    LinkForm{Root: root, Objects: true, URIs: version != "1.0"},
				Writes:   Writing{SecondBootstrapServer: lwm2m.CodeBadRequest},
				Deletes:  Deleting{Absent: lwm2m.CodeDeleted, Unguarded: true},
				Finishes: Finishing{Unchecked: true, Rearms: true},
				Returns:  Returning{AfterNothing: true, Pause: 2 * time.Second, MaxPause: 20 * time.Second},
			},
		},
	}
}

// leshan is Leshan's demonstration client. It drops what it does not know, and is gone
// for ever where it cannot register.
func leshan(name, client string, preferred lwm2m.Format, links LinkForm, change func(*Stack)) Personality {
	p := Personality{
		Name: name, Client: client,
		Source: "seen on loopback; issues 156, 589, 968, 986",
		Config: Config{Version: "1.1", PreferredFormat: preferred, SessionTimeout: 93 * time.Second, Stack: Stack{
			Objects: []lwm2m.ObjectID{lwm2m.ObjectSecurity, lwm2m.ObjectServer, lwm2m.ObjectDevice},
			Links:   links,
			Writes:  Writing{Unknown: []Unknown{{lwm2m.ObjectSecurity, 17, 0}, {lwm2m.ObjectServer, 23, 0}}},
			Finishes: Finishing{
				Wants: map[lwm2m.ObjectID][]lwm2m.ResourceID{lwm2m.ObjectSecurity: {3, 4, 5}, lwm2m.ObjectServer: {7}},
			},
			Wire: Wire{Separate: true, MaxDatagram: 2048},
		}},
	}
	change(&p.Config.Stack)
	return p
}

// zephyr is Zephyr's LwM2M engine with its default Kconfig; change, where not nil, makes
// it another one.
func zephyr(name, client, source, version string, preferred lwm2m.Format, change func(*Config)) Personality {
	const blockSize, headerRoom = 256, 48
	p := Personality{
		Name: name, Client: client, Source: source,
		Config: Config{Version: version, PreferredFormat: preferred, Merge: true, Stack: Stack{
			Objects:  withoutOSCORE,
			Links:    LinkForm{Root: `</>;lwm2m=` + version, Versions: map[lwm2m.ObjectID]string{lwm2m.ObjectDevice: "1.0"}},
			Writes:   Writing{Formats: append([]lwm2m.Format{lwm2m.FormatSenMLCBOR}, tlvAndText...), MaxInstances: 2, MaxBytes: keyBuffers(255, 16)},
			Deletes:  Deleting{Protected: lwm2m.CodeMethodNotAllowed},
			Finishes: Finishing{Unchecked: true},
			Returns:  Returning{AfterFailure: true},
			Wire:     Wire{MaxDatagram: blockSize + headerRoom},
		}},
	}
	if change != nil {
		change(&p.Config)
	}
	return p
}
