package lwm2m

import "errors"

// Errors of [Encode] and [Decode], found with [errors.Is].
var (
	// ErrFormat says that the Format is unknown or cannot carry a payload for the
	// path; a Client answers 4.15 to it.
	ErrFormat = errors.New("content format does not serve here")

	// ErrPayload says that the payload breaks the rules of its Format, or does not
	// belong to the path; a Client answers 4.00 to it.
	ErrPayload = errors.New("malformed payload")

	// ErrContent says that the objects do not fit the path or the Format.
	ErrContent = errors.New("content cannot be encoded")
)

// Encode writes objects, which hold just what lies at or below the path at, as the
// payload of a request or response for that path.
func Encode(f Format, at Path, objects []Object) ([]byte, error) {
	return nil, ErrFormat
}

// Decode reads the payload of a request or response for the path at.
func Decode(f Format, at Path, payload []byte) ([]Object, error) {
	return nil, ErrFormat
}

// Writable reports whether f can carry whole Instances in a Bootstrap-Write.
func (f Format) Writable() bool {
	switch f {
	case FormatTLV, FormatSenMLJSON, FormatSenMLCBOR, FormatLwM2MCBOR:
		return true
	}
	return false
}
