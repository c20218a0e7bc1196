package handover_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// A coioteStandIn answers as the guides of Coiote's API v3 say (AVSystem's developer documentation: getting access,
// basic onboarding, using the API) and as its client for Python, 2.7, expects. Where they are silent it does what
// would do most harm: a member that an update lacks is reset.
type coioteStandIn struct {
	user, password string

	mu      sync.Mutex
	logins  int
	devices []*coioteStored
	search  []string                  // the criteria it was asked with
	before  func(method, path string) // is called with mu held before a device is made or changed
}

// A coioteStored is a device as GET answers.
type coioteStored struct {
	ID                string            `json:"id"`
	ConnectorType     string            `json:"connectorType"`
	DirectGroups      []string          `json:"directGroups"`
	Properties        map[string]string `json:"properties"`
	Domain            string            `json:"domain"`
	Blacklisted       bool              `json:"blacklisted"`
	ManagementEnabled bool              `json:"managementEnabled"`
	Description       *string           `json:"description"`
	FriendlyName      *string           `json:"friendlyName"`
	SecurityMode      string            `json:"securityMode"`
	DTLSIdentity      *string           `json:"dtlsIdentity"`
	DTLSPSK           map[string]string `json:"dtlsPsk"`
}

var coioteCriteria = regexp.MustCompile(`^properties\.endpointName eq '([^'\\]+)'$`)

func (c *coioteStandIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	answer := func(status int, v any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		if v != nil {
			_ = json.NewEncoder(w).Encode(v)
		}
	}
	no := func(status int, message string) {
		answer(status, map[string]any{"message": message, "code": status * 10})
	}
	if r.URL.Path == "/api/auth/oauth_password" {
		form, err := url.ParseQuery(string(body))
		if r.Method != "POST" || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || err != nil || form.Get("grant_type") != "password" {
			no(400, "invalid_request")
		} else if form.Get("username") != c.user || form.Get("password") != c.password {
			no(401, "invalid credentials "+form.Get("password")) // as no server should
		} else {
			c.logins++
			answer(201, map[string]string{"access_token": c.token(), "token_type": "Bearer", "expires_in": "300"})
		}
		return
	}
	if c.logins == 0 || r.Header.Get("Authorization") != "Bearer "+c.token() {
		no(401, "The access token "+r.Header.Get("Authorization")+" is invalid") // likewise
		return
	}
	path, found := strings.CutPrefix(r.URL.EscapedPath(), "/api/coiotedm/v3/devices")
	if c.before != nil && (r.Method == "POST" || r.Method == "PUT") {
		c.before(r.Method, path)
	}
	switch id, _ := url.PathUnescape(strings.TrimPrefix(path, "/")); {
	case !found:
		no(404, "no such endpoint")
	case r.Method == "GET" && path == "/find/details":
		c.find(r.URL.Query(), answer, no)
	case r.Method == "POST" && path == "":
		c.make(body, answer, no)
	case r.Method == "GET":
		if d := c.byID(id); d != nil {
			answer(200, d)
		} else {
			no(404, "The device with the provided ID was not found.")
		}
	case r.Method == "PUT" && c.byID(id) != nil:
		c.update(c.byID(id), body, answer, no)
	default:
		no(404, "no such endpoint")
	}
}

func (c *coioteStandIn) token() string { return fmt.Sprintf("coiote-token-%d", c.logins) }

func (c *coioteStandIn) byID(id string) *coioteStored {
	for _, d := range c.devices {
		if d.ID == id {
			return d
		}
	}
	return nil
}

func (c *coioteStandIn) find(query url.Values, answer func(int, any), no func(int, string)) {
	c.search = append(c.search, query.Get("searchCriteria"))
	criteria := coioteCriteria.FindStringSubmatch(query.Get("searchCriteria"))
	limit, err := strconv.Atoi(query.Get("limit"))
	if criteria == nil || err != nil || limit < 0 || limit > 1000 || query.Get("fieldSelection") != "id" {
		no(400, "malformed parameters")
		return
	}
	out := []map[string]string{}
	for _, d := range c.devices {
		if d.Properties["endpointName"] == criteria[1] && len(out) < limit {
			out = append(out, map[string]string{"id": d.ID})
		}
	}
	answer(200, map[string]any{"devices": out, "nextPageBookmark": nil})
}

// coioteCredentialMembers are members of both a new device and an update.
type coioteCredentialMembers struct {
	SecurityMode string
	DTLSIdentity *string
	DTLSPSK      map[string]string
}

// wrong reports what is wrong with credentials; empty for nothing.
func (m coioteCredentialMembers) wrong() string {
	switch {
	case !slices.Contains([]string{"psk", "cert", "rpk", "nosec", "notset"}, m.SecurityMode):
		return "invalid securityMode"
	case m.SecurityMode != "psk":
		return ""
	case m.DTLSIdentity == nil || *m.DTLSIdentity == "" || len(m.DTLSPSK) != 1:
		return "psk needs an identity and a key"
	}
	if b, err := hex.DecodeString(m.DTLSPSK["HexadecimalPsk"]); err != nil || len(b) == 0 {
		return "HexadecimalPsk " + m.DTLSPSK["HexadecimalPsk"] + " is not hexadecimal"
	}
	return ""
}

// strictly decodes a body all of whose members are known.
func strictly(body []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

func (c *coioteStandIn) taken(identity *string, by *coioteStored) bool {
	for _, d := range c.devices {
		if d != by && identity != nil && d.DTLSIdentity != nil && *d.DTLSIdentity == *identity {
			return true
		}
	}
	return false
}

func (c *coioteStandIn) make(body []byte, answer func(int, any), no func(int, string)) {
	var m struct {
		Properties            map[string]string
		ConnectorType, Domain string
		coioteCredentialMembers
	}
	err := strictly(body, &m)
	ep := m.Properties["endpointName"]
	same := func(d *coioteStored) bool {
		return d.Properties["endpointName"] == ep && d.ConnectorType == m.ConnectorType
	}
	switch wrong := m.wrong(); {
	case err != nil || ep == "" || wrong != "" || m.ConnectorType != "management" && m.ConnectorType != "bootstrap":
		no(400, fmt.Sprint("bad request ", err, wrong))
	case !strings.HasPrefix(m.Domain, "/") || !strings.HasSuffix(m.Domain, "/"):
		no(400, "A domain must start and end with / sign.")
	case m.Domain != "/meters/" && m.Domain != "/meters/lot 7/":
		no(403, "no access to the domain")
	case slices.ContainsFunc(c.devices, same) || c.taken(m.DTLSIdentity, nil):
		no(409, "conflict with server state: key "+m.DTLSPSK["HexadecimalPsk"])
	default:
		d := &coioteStored{
			ID: fmt.Sprintf("made/%d", len(c.devices)), ConnectorType: m.ConnectorType, Domain: m.Domain, Properties: m.Properties, ManagementEnabled: true,
			SecurityMode: m.SecurityMode, DTLSIdentity: m.DTLSIdentity, DTLSPSK: m.DTLSPSK,
		}
		c.devices = append(c.devices, d)
		answer(201, map[string]string{"id": d.ID, "result": "created"})
	}
}

func (c *coioteStandIn) update(d *coioteStored, body []byte, answer func(int, any), no func(int, string)) {
	var m struct {
		AddProperties                             map[string]string
		RemoveProperties, AddGroups, RemoveGroups []string
		Blacklisted, ManagementEnabled            bool
		Description, FriendlyName                 *string
		coioteCredentialMembers
	}
	err := strictly(body, &m)
	if wrong := m.wrong(); err != nil || wrong != "" || m.AddProperties == nil || m.RemoveProperties == nil || m.AddGroups == nil || m.RemoveGroups == nil {
		no(400, fmt.Sprint("bad request ", err, wrong))
		return
	}
	if c.taken(m.DTLSIdentity, d) {
		no(409, "conflict with server state: key "+m.DTLSPSK["HexadecimalPsk"])
		return
	}
	maps.Copy(d.Properties, m.AddProperties)
	maps.DeleteFunc(d.Properties, func(name, _ string) bool { return slices.Contains(m.RemoveProperties, name) })
	d.DirectGroups = slices.DeleteFunc(append(d.DirectGroups, m.AddGroups...), func(g string) bool { return slices.Contains(m.RemoveGroups, g) })
	d.Blacklisted, d.ManagementEnabled, d.Description, d.FriendlyName = m.Blacklisted, m.ManagementEnabled, m.Description, m.FriendlyName
	d.SecurityMode, d.DTLSIdentity, d.DTLSPSK = m.SecurityMode, m.DTLSIdentity, m.DTLSPSK
	answer(204, nil)
}
