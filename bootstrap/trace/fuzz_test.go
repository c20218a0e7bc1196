package trace

import (
	"bytes"
	"testing"
	"time"

	"lwbs/bootstrap/auth"
	"lwbs/lwm2m"
	"lwbs/lwm2m/content"
)

// FuzzBlanked: what is shown of a payload has its length, and decodes, if it does, to no secret value.
func FuzzBlanked(f *testing.F) {
	for _, format := range []lwm2m.Format{lwm2m.FormatTLV, lwm2m.FormatSenMLJSON, lwm2m.FormatSenMLCBOR, lwm2m.FormatLwM2MCBOR} {
		b, err := content.Encode(format, lwm2m.InstancePath(0, 1), security())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(format.Number(), "/0/1", b)
	}
	f.Add(lwm2m.FormatText.Number(), "/11/0/6", []byte("secret"))
	f.Add(lwm2m.FormatText.Number(), "/11/0/6", []byte{0xb0}) // is not UTF-8
	f.Add(lwm2m.FormatOpaque.Number(), "/0/1/5", []byte(secretKey))
	f.Fuzz(func(t *testing.T, number uint16, at string, payload []byte) {
		path, err := lwm2m.ParsePath(at)
		format := lwm2m.FormatNumber(number)
		if err != nil || format == lwm2m.FormatLink {
			return
		}
		out, any := blanked(nil, format, path, bytes.Clone(payload))
		if len(out) != len(payload) || !any && !bytes.Equal(out, payload) {
			t.Fatalf("%x became %x", payload, out)
		}
		if len(bytes.Trim(out, "\x00")) == 0 {
			return // blanked whole
		}
		found, err := content.Decode(format, path, out)
		if err != nil {
			return
		}
		eachValue(found, func(at lwm2m.Path, v *lwm2m.Value) {
			if isSecret(nil, at, *v) && v.Type() != lwm2m.TypeNone && !v.Equal(blankOf(*v)) {
				t.Fatalf("%v is shown of %x", at, payload)
			}
		})
	})
}

// FuzzConversation: any datagrams make a file that can be read, with as many packets.
func FuzzConversation(f *testing.F) {
	f.Add([]byte{0x40, 1, 0, 1}, []byte{0x60, 0x45, 0, 1, 0xff, 1, 2, 3}, true)
	f.Fuzz(func(t *testing.T, a, b []byte, out bool) {
		c := newConversation(auth.Peer{Remote: "[2001:db8::1]:9"}, nil, false)
		var file []byte
		n := 0
		for _, d := range [][]byte{a, b, a} {
			for _, p := range append(c.add(time.Unix(1, 0), out, bytes.Clone(d)), c.end()...) {
				file = appendPacket(file, p.at, c.datagram(p), p.comment)
				n++
			}
			out = !out
		}
		if got := len(read(t, append(appendHeader(nil, "x"), file...))); got != 3 || n != 3 {
			t.Errorf("%d packets of 3 datagrams", got)
		}
	})
}
