package rows

import "lwbs/store"

// EncodeProfile returns the stored bytes of a profile. More than MaxProfile bytes are ErrInvalid.
func EncodeProfile(p store.Profile) ([]byte, error) {
	b, err := encodeRow(p)
	if err == nil {
		err = store.AtMost(len(b), "bytes of profile", store.MaxProfile)
	}
	return b, err
}

// DecodeProfile reads what EncodeProfile wrote. Its error wraps ErrCorrupt or ErrNewer.
func DecodeProfile(b []byte) (p store.Profile, err error) {
	_, err = decodeRow(b, &p)
	return p, err
}
