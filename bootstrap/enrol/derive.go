package enrol

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"

	"lwbs/lwm2m"
	"lwbs/store"
)

// hkdfInfo stands in front of the name in the info of HKDF, so that a key that is derived for another
// purpose is another key.
const hkdfInfo = "lwbs-device-key-1:"

// DeviceKey returns the pre-shared key of the device with this PSK identity, derived from a key of its
// group. Length is in bytes, zero is [store.DefaultDerivedKey]; it is for DerivationHKDF only.
//
//	hkdf-sha256  HKDF-SHA256 (RFC 5869): IKM the key of the group, no salt,
//	             info "lwbs-device-key-1:" and the identity
//	azure-dps    HMAC-SHA256 of the identity with the key of the group, 32 bytes, as Azure DPS
//	             derives the key of a device in an enrollment group from its registration ID
//
// The error is that of a derivation or length that does not exist.
func DeviceKey(how store.Derivation, length int, groupKey lwm2m.Secret, identity string) (lwm2m.Secret, error) {
	switch how {
	case "", store.DerivationHKDF:
		if length == 0 {
			length = store.DefaultDerivedKey
		}
		if length < store.MinDerivedKey || length > store.MaxKey {
			return lwm2m.Secret{}, fmt.Errorf("keys of devices with %d bytes, %d to %d are possible", length, store.MinDerivedKey, store.MaxKey)
		}
		key, err := hkdf.Key(sha256.New, groupKey.Reveal(), nil, hkdfInfo+identity, length)
		return lwm2m.NewSecret(key), err
	case store.DerivationAzure:
		if length != 0 && length != sha256.Size {
			return lwm2m.Secret{}, fmt.Errorf("keys of devices with %d bytes: with the derivation %s they have %d", length, how, sha256.Size)
		}
		mac := hmac.New(sha256.New, groupKey.Reveal())
		mac.Write([]byte(identity))
		return lwm2m.NewSecret(mac.Sum(nil)), nil
	}
	return lwm2m.Secret{}, fmt.Errorf("derivation %q does not exist, only %s and %s", how, store.DerivationHKDF, store.DerivationAzure)
}
