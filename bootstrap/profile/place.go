package profile

import (
	"fmt"
	"slices"

	"lwbs/lwm2m"
	"lwbs/store"
)

// Keys of an account by the Resources of Objects 0, 1 and 21 that they become.
var (
	securityKeys = map[lwm2m.ResourceID]string{0: "uri", 2: "security", 3: "identity", 4: "serverPublicKey", 5: "key", 10: "shortServerID", 11: "clientHoldOffTime", 17: "oscore"}
	serverKeys   = map[lwm2m.ResourceID]string{0: "shortServerID", 1: "lifetime", 6: "notificationStoring", 7: "binding"}
	oscoreKeys   = map[lwm2m.ResourceID]string{0: "masterSecret", 1: "senderID", 2: "recipientID", 3: "aeadAlgorithm", 4: "hmacAlgorithm", 5: "masterSalt", 6: "idContext"}
)

// placeOf turns a path of what Resolve returns into a place of the profile.
func placeOf(path lwm2m.Path, p store.Profile) string {
	if path.Depth() == 0 {
		return "accounts"
	}
	keys, list := securityKeys, "securityResources"
	switch path.Object() {
	case lwm2m.ObjectAccessControl:
		if path.Depth() == 1 {
			return "accessControl"
		}
		return fmt.Sprintf("accessControl[%d]", path.Instance())
	case lwm2m.ObjectServer:
		keys, list = serverKeys, "serverResources"
	case lwm2m.ObjectSecurity:
	case lwm2m.ObjectOSCORE:
		place := fmt.Sprintf("accounts[%d].oscore", path.Instance())
		if path.Depth() > 2 {
			place += "." + oscoreKeys[path.Resource()]
		}
		return place
	default:
		i := slices.IndexFunc(p.Objects, func(o store.ObjectValues) bool { return o.Path.Contains(path) })
		switch {
		case i < 0:
			return "objects"
		case path.Depth() < 3:
			return fmt.Sprintf("objects[%d]", i)
		}
		return fmt.Sprintf("objects[%d].resources[%d]", i, path.Resource())
	}
	place := "accounts"
	switch own := path.Object() == lwm2m.ObjectSecurity && path.Depth() > 1 && int(path.Instance()) == len(p.Accounts); {
	case own:
		place = "bootstrapServer"
	case path.Depth() > 1:
		place += fmt.Sprintf("[%d]", path.Instance())
	}
	if path.Depth() < 3 {
		return place
	}
	if key, ok := keys[path.Resource()]; ok && !inList(path, p) {
		return place + "." + key
	}
	return fmt.Sprintf("%s.%s[%d]", place, list, path.Resource())
}

// inList reports whether p names a Resource of an account in a list of Resources, though there is
// a key for it.
func inList(path lwm2m.Path, p store.Profile) bool {
	i := int(path.Instance())
	if i >= len(p.Accounts) {
		return false
	}
	values := p.Accounts[i].SecurityResources
	if path.Object() == lwm2m.ObjectServer {
		values = p.Accounts[i].ServerResources
	}
	_, ok := values[path.Resource()]
	return ok
}
