package importer

import (
	"strconv"
	"time"

	"lwbs/lwm2m"
	"lwbs/lwm2m/content"
	"lwbs/store"
)

// A LeshanConfig is a BootstrapConfig as GET /api/bootstrap of Leshan's Bootstrap-Server demo 2.0 shows it: its
// members in that order, bytes as unsigned numbers, none that has no value.
type LeshanConfig struct {
	AutoID        bool                      `json:"autoIdForSecurityObject"`
	ContentFormat *leshanContentFormat      `json:"contentFormat,omitempty"`
	ToDelete      []string                  `json:"toDelete"`
	Servers       map[int]map[string]any    `json:"servers"`
	Security      map[int]leshanSecurityOut `json:"security"`
	ACLs          map[int]leshanACL         `json:"acls"`
	OSCORE        map[int]leshanOSCOREOut   `json:"oscore"`
}

type leshanContentFormat struct {
	Name      string `json:"name"`
	MediaType string `json:"mediaType"`
	Code      int    `json:"code"`
}

type leshanSecurityOut struct {
	URI              string     `json:"uri"`
	BootstrapServer  bool       `json:"bootstrapServer"`
	SecurityMode     string     `json:"securityMode"`
	PublicKeyOrID    numbers    `json:"publicKeyOrId"`
	ServerPublicKey  numbers    `json:"serverPublicKey"`
	SecretKey        numbers    `json:"secretKey"`
	SMSSecurityMode  string     `json:"smsSecurityMode"`
	SMSParameters    numbers    `json:"smsBindingKeyParam"`
	SMSKey           numbers    `json:"smsBindingKeySecret"`
	SMSNumber        string     `json:"serverSmsNumber"`
	ServerID         int        `json:"serverId"`
	HoldOff          int        `json:"clientOldOffTime"`
	AccountTimeout   int        `json:"bootstrapServerAccountTimeout"`
	OSCORE           *int       `json:"oscoreSecurityMode,omitempty"`
	MatchingType     string     `json:"matchingType,omitempty"`
	SNI              string     `json:"sni,omitempty"`
	CertificateUsage string     `json:"certificateUsage,omitempty"`
	CipherSuites     []suiteOut `json:"cipherSuite,omitempty"`
}

type suiteOut struct {
	Value int64 `json:"valueForSecurityObject"`
}

type leshanACL struct {
	Object   int         `json:"objectId"`
	Instance int         `json:"objectInstanceId"`
	Rights   map[int]int `json:"acls"`
	Owner    int         `json:"AccessControlOwner"`
}

type leshanOSCOREOut struct {
	MasterSecret  numbers `json:"oscoreMasterSecret"`
	SenderID      numbers `json:"oscoreSenderId"`
	RecipientID   numbers `json:"oscoreRecipientId"`
	AEADAlgorithm *int    `json:"oscoreAeadAlgorithm,omitempty"`
	HMACAlgorithm *int    `json:"oscoreHmacAlgorithm,omitempty"`
	MasterSalt    numbers `json:"oscoreMasterSalt,omitempty"`
}

// numbers are bytes as a list of unsigned numbers.
type numbers []byte

// MarshalJSON implements [json.Marshaler].
func (n numbers) MarshalJSON() ([]byte, error) {
	out := []byte{'['}
	for i, b := range n {
		if i > 0 {
			out = append(out, ',')
		}
		out = strconv.AppendUint(out, uint64(b), 10)
	}
	return append(out, ']'), nil
}

// WriteLeshan returns info, which a device is given under p, as Leshan's demo shows it: as far as that has
// a member for it, and without Instances of other Objects. The Instance IDs are those that a device has
// afterwards whose Bootstrap-Server Account is /0/0. Keys are left empty unless secrets is set.
func WriteLeshan(p store.Profile, info lwm2m.BootstrapInfo, secrets bool) LeshanConfig {
	out := LeshanConfig{
		AutoID: true, ContentFormat: leshanFormatOf(p.Format), ToDelete: []string{},
		Servers: make(map[int]map[string]any), Security: make(map[int]leshanSecurityOut), ACLs: make(map[int]leshanACL), OSCORE: make(map[int]leshanOSCOREOut),
	}
	switch p.Delete.Mode {
	case store.DeleteAll:
		out.ToDelete = []string{"/"}
	case store.DeleteList:
		for _, path := range p.Delete.Paths {
			out.ToDelete = append(out.ToDelete, path.String())
		}
	}
	contexts := make(map[lwm2m.InstanceID]int)
	for i, o := range info.OSCORE {
		contexts[o.ID] = i
		out.OSCORE[i] = leshanOSCOREOf(o, secrets)
	}
	for i, a := range info.Accounts {
		security := leshanSecurityOf(a.Security, secrets)
		if link := a.Security.OSCORESecurityMode; link != nil {
			n := contexts[link.Instance]
			security.OSCORE = &n
		}
		out.Security[i+1], out.Servers[i] = security, leshanServerOf(a.Server)
	}
	for i, a := range info.AccessControl {
		acl := leshanACL{Object: int(a.Object), Instance: int(a.Instance), Rights: make(map[int]int), Owner: int(a.Owner)}
		for ssid, rights := range a.Rights {
			acl.Rights[int(ssid)] = int(rights)
		}
		out.ACLs[i] = acl
	}
	return out
}

// leshanFormatOf is a format of profiles as a ContentFormat; nil for one that depends on the client.
func leshanFormatOf(format string) *leshanContentFormat {
	for _, f := range []lwm2m.Format{lwm2m.FormatTLV, lwm2m.FormatSenMLJSON, lwm2m.FormatSenMLCBOR, lwm2m.FormatLwM2MCBOR} {
		if f.String() != format || !content.Writable(f) {
			continue
		}
		out := &leshanContentFormat{Name: "UNKNOWN", MediaType: "unknown/unknown"}
		out.Code = int(f.Number())
		for name, word := range leshanFormats {
			if word == format {
				out.Name, out.MediaType = name, leshanMedia[name]
			}
		}
		return out
	}
	return nil
}

var leshanMedia = map[string]string{"TLV": "application/vnd.oma.lwm2m+tlv", "SENML_JSON": "application/senml+json", "SENML_CBOR": "application/senml+cbor"}

func leshanSecurityOf(s lwm2m.SecurityInstance, secrets bool) leshanSecurityOut {
	out := leshanSecurityOut{
		URI: s.ServerURI, BootstrapServer: s.BootstrapServer, SecurityMode: leshanModeNames[s.Mode],
		PublicKeyOrID: s.PublicKeyOrIdentity, ServerPublicKey: s.ServerPublicKey, SMSSecurityMode: "NO_SEC",
		ServerID: int(s.ShortServerID), HoldOff: 1, AccountTimeout: int(s.BootstrapServerAccountTimeout / time.Second),
	}
	if secrets {
		out.SecretKey = s.SecretKey.Reveal()
	}
	for _, r := range s.Extra {
		switch r.ID {
		case 6:
			out.SMSSecurityMode = wordFor(leshanSMSModes, r.Value)
		case 9:
			out.SMSNumber = r.Value.Text()
		case 13:
			out.MatchingType = wordFor(leshanMatching, r.Value)
		case 14:
			out.SNI = r.Value.Text()
		case 15:
			out.CertificateUsage = wordFor(leshanUsages, r.Value)
		case 16:
			for _, suite := range r.Instances {
				out.CipherSuites = append(out.CipherSuites, suiteOut{wholeNumber(suite.Value)})
			}
		}
	}
	return out
}

var leshanModeNames = map[lwm2m.SecurityMode]string{
	lwm2m.SecurityPSK: "PSK", lwm2m.SecurityRPK: "RPK", lwm2m.SecurityCertificate: "X509", lwm2m.SecurityNoSec: "NO_SEC", lwm2m.SecurityEST: "EST",
}

// wordFor is Leshan's word for a code; the number where it has none.
func wordFor(codes map[string]int64, v lwm2m.Value) string {
	for word, code := range codes {
		if code == wholeNumber(v) {
			return word
		}
	}
	return v.String()
}

// wholeNumber is a value of either type of whole numbers.
func wholeNumber(v lwm2m.Value) int64 {
	if v.Type() == lwm2m.TypeUnsigned {
		return int64(v.Uint())
	}
	return v.Int()
}

func leshanServerOf(s lwm2m.ServerInstance) map[string]any {
	out := map[string]any{
		"shortId": s.ShortServerID, "lifetime": int64(s.Lifetime / time.Second), "notifIfDisabled": s.NotificationStoring, "binding": s.Binding,
	}
	for _, r := range s.Extra {
		switch number, flag := leshanNumbers[r.ID], leshanBooleans[r.ID]; {
		case number != "":
			out[number] = wholeNumber(r.Value)
		case flag != "":
			out[flag] = r.Value.Bool()
		case r.ID == 10:
			out["apnLink"] = r.Value.Link().Instance
		case r.ID == 22:
			out["preferredTransport"] = r.Value.Text()
		}
	}
	return out
}

func leshanOSCOREOf(o lwm2m.OSCOREInstance, secrets bool) leshanOSCOREOut {
	out := leshanOSCOREOut{SenderID: o.SenderID, RecipientID: o.RecipientID}
	if secrets {
		out.MasterSecret = o.MasterSecret.Reveal()
	}
	for _, r := range o.Extra {
		switch r.ID {
		case 3:
			out.AEADAlgorithm = new(int(wholeNumber(r.Value)))
		case 4:
			out.HMACAlgorithm = new(int(wholeNumber(r.Value)))
		case 5:
			out.MasterSalt = r.Value.Bytes()
		}
	}
	return out
}
