package content

import (
	"errors"
	"fmt"

	"lwbs/lwm2m"
)

// encodeLwM2MCBOR writes application/vnd.oma.lwm2m+cbor: nested maps from the Object
// down, each level with its identifiers as keys; for one Resource a map whose only
// key is the whole path.
//
// Spec: Core 1.2.1.
func encodeLwM2MCBOR(at lwm2m.Path, objects []lwm2m.Object) ([]byte, error) {
	if at.Depth() == 3 {
		out := appendCBORHead(nil, cborMajorMap, 1)
		out = appendCBORHead(out, cborMajorArray, 3)
		for _, id := range at.IDs() {
			out = appendCBORInt(out, int64(id))
		}
		return appendCBORResource(out, objects[0].Instances[0].Resources[0]), nil
	}
	out := appendCBORHead(nil, cborMajorMap, uint64(len(objects)))
	for _, o := range objects {
		out = appendCBORInt(out, int64(o.ID))
		out = appendCBORHead(out, cborMajorMap, uint64(len(o.Instances)))
		for _, in := range o.Instances {
			out = appendCBORInt(out, int64(in.ID))
			out = appendCBORHead(out, cborMajorMap, uint64(len(in.Resources)))
			for _, r := range in.Resources {
				out = appendCBORResource(appendCBORInt(out, int64(r.ID)), r)
			}
		}
	}
	return out, nil
}

func appendCBORResource(dst []byte, r lwm2m.Resource) []byte {
	if !r.Multiple {
		return appendCBORValue(dst, r.Value)
	}
	dst = appendCBORHead(dst, cborMajorMap, uint64(len(r.Instances)))
	for _, ri := range r.Instances {
		dst = appendCBORValue(appendCBORInt(dst, int64(ri.ID)), ri.Value)
	}
	return dst
}

// decodeLwM2MCBOR reads application/vnd.oma.lwm2m+cbor. A key may be one identifier
// or an array of several.
func decodeLwM2MCBOR(b *builder, payload []byte) error {
	if err := cborInput.Wellformed(payload); err != nil {
		return err
	}
	if len(payload) == 0 || payload[0]>>5 != cborMajorMap {
		return errNoMap
	}
	r := lwm2mCBORReader{b: b, keys: make(map[lwm2m.Path]bool)}
	_, err := r.level(lwm2m.Root, payload)
	return err
}

var (
	errNoMap   = errors.New("it is no map")
	errKey     = errors.New("a key of a map is no path")
	errNesting = errors.New("the path is there twice, nested in another way")
)

// A lwm2mCBORReader walks over the maps of a well-formed payload, since package cbor
// would lose their order and does not take an array for a key.
type lwm2mCBORReader struct {
	b    *builder
	keys map[lwm2m.Path]bool // paths met: true where a key ended, false where one passed
}

// level reads the map at the start of in, whose keys lie below p, and returns what
// follows it.
func (r *lwm2mCBORReader) level(p lwm2m.Path, in []byte) (rest []byte, err error) {
	pairs, rest, err := mapHead(in)
	if err != nil {
		return nil, err
	}
	for pairs != 0 {
		if pairs < 0 && len(rest) > 0 && rest[0] == cborBreak {
			return rest[1:], nil
		}
		if rest, err = r.pair(p, rest); err != nil {
			return nil, err
		}
		pairs--
	}
	return rest, nil
}

// mapHead reads the head of a map: how many pairs follow, negative for as many as
// stand before the break.
func mapHead(in []byte) (pairs int, rest []byte, err error) {
	if len(in) == 0 || in[0]>>5 != cborMajorMap {
		return 0, nil, errNoMap
	}
	const indefinite = cborMajorMap<<5 | 31
	if in[0] == indefinite {
		return -1, in[1:], nil
	}
	width := 0 // of the number after the first byte
	if short := in[0] & 31; short < 24 {
		pairs = int(short)
	} else {
		width = 1 << (short - 24)
	}
	if len(in) <= width {
		return 0, nil, errNoMap
	}
	for _, x := range in[1 : 1+width] {
		pairs = pairs<<8 | int(x)
	}
	return pairs, in[1+width:], nil
}

func (r *lwm2mCBORReader) pair(p lwm2m.Path, in []byte) (rest []byte, err error) {
	var key, item any
	if in, err = cborInput.UnmarshalFirst(in, &key); err != nil {
		return nil, err
	}
	if p, err = r.descend(p, key); err != nil {
		return nil, err
	}
	if len(in) > 0 && in[0]>>5 == cborMajorMap {
		if p.Depth() > 3 {
			return nil, fmt.Errorf("%v: a map stands below the Resource Instances", p)
		}
		if err := r.b.open(p); err != nil {
			return nil, err
		}
		return r.level(p, in)
	}
	if rest, err = cborInput.UnmarshalFirst(in, &item); err != nil {
		return nil, err
	}
	value, err := cborScalar(item)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", p, err)
	}
	return rest, r.b.addScalar(p, value)
}

// descend returns the path of a key below p, which no other key may have led to.
func (r *lwm2mCBORReader) descend(p lwm2m.Path, key any) (lwm2m.Path, error) {
	parts, ok := key.([]any)
	if !ok {
		parts = []any{key}
	}
	if len(parts) == 0 || p.Depth()+len(parts) > 4 {
		return p, errKey
	}
	for i, part := range parts {
		id, ok := part.(uint64)
		if !ok || id > lwm2m.MaxID {
			return p, errKey
		}
		p = p.Append(uint16(id))
		last := i == len(parts)-1
		if ended, met := r.keys[p]; met && (ended || last) {
			return p, fmt.Errorf("%v: %w", p, errNesting)
		}
		r.keys[p] = last
	}
	return p, nil
}
