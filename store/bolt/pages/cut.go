package pages

import (
	"bytes"
	"slices"
)

// A cutter writes trees anew without the parts that are lost, on pages behind the end of the
// file: only branches above what is lost, and what the buckets' names refer to.
type cutter struct {
	file   *File
	end    uint64
	writes []Write
}

// An element is one of a page.
type element struct {
	key, value []byte
	bucket     bool
	child      uint64
}

// cut returns the root of tree without what is lost of it.
func (c *cutter) cut(tree Tree, lost []LostIn) (root uint64, err error) {
	gone, above := make(map[[2]uint64]bool), make(map[uint64]bool)
	for _, l := range lost {
		if l.parent == 0 {
			return c.page(nil, true), nil
		}
		gone[[2]uint64{l.parent, uint64(l.index)}] = true
		way, _ := tree.Way(l.From) // which ends with an error, at what is lost
		for _, id := range way {
			above[id] = true
		}
		above[l.parent] = true
	}
	root, _, empty, err := c.branch(tree, tree.Root, gone, above, 0)
	if empty && err == nil {
		root = c.page(nil, true)
	}
	return root, err
}

// branch writes a branch anew, and those below it that must be. First is the key that it begins
// with then.
func (c *cutter) branch(tree Tree, id uint64, gone map[[2]uint64]bool, above map[uint64]bool, depth int) (fresh uint64, first []byte, empty bool, err error) {
	var p Page
	if err := tree.File.Read(&p, id, tree.End); err != nil || p.Len() == 0 || depth > maxDepth {
		return id, nil, p.Len() == 0, err
	}
	if p.Leaf {
		return id, bytes.Clone(p.Key(0)), false, nil
	}
	var kept []element
	for i := range p.Len() {
		e := element{key: bytes.Clone(p.Key(i)), child: p.Child(i)}
		if gone[[2]uint64{id, uint64(i)}] {
			continue
		}
		if above[e.child] {
			var none bool
			if e.child, e.key, none, err = c.branch(tree, e.child, gone, above, depth+1); err != nil {
				return 0, nil, false, err
			} else if none {
				continue
			}
		}
		kept = append(kept, e)
	}
	if len(kept) == 0 {
		return 0, nil, true, nil
	}
	return c.page(kept, false), kept[0].key, false, nil
}

// names writes the tree of the buckets' names anew, with the roots of some.
func (c *cutter) names(names Tree, roots map[string]uint64) uint64 {
	var elements []element
	names.Ascend(nil, func(k, v []byte) bool {
		e := element{key: bytes.Clone(k), value: bytes.Clone(v), bucket: true}
		if root, other := roots[string(k)]; other {
			e.value = e.value[:bucketHeader:bucketHeader]
			order.PutUint64(e.value, root)
		}
		elements = append(elements, e)
		return true
	}, nil)
	var leaves []element
	for len(elements) > 0 {
		n, size := 0, headerSize
		for n < len(elements) && (n == 0 || size+elements[n].size() <= c.file.pageSize) {
			size += elements[n].size()
			n++
		}
		leaves = append(leaves, element{key: elements[0].key, child: c.page(elements[:n], true)})
		elements = elements[n:]
	}
	if len(leaves) == 1 {
		return leaves[0].child
	}
	return c.page(leaves, false)
}

func (e element) size() int { return elementSize + len(e.key) + len(e.value) }

// page writes a page with these elements, and returns its number.
func (c *cutter) page(elements []element, leaf bool) uint64 {
	id, size := c.end, headerSize
	for _, e := range elements {
		size += e.size()
	}
	n := (size + c.file.pageSize - 1) / c.file.pageSize
	b := make([]byte, n*c.file.pageSize)
	order.PutUint64(b, id)
	order.PutUint16(b[10:], uint16(len(elements)))
	order.PutUint32(b[12:], uint32(n-1))
	at := headerSize + len(elements)*elementSize
	for i, e := range elements {
		head := b[headerSize+i*elementSize:]
		pos := uint32(at - headerSize - i*elementSize)
		if leaf {
			if e.bucket {
				order.PutUint32(head, bucketFlag)
			}
			order.PutUint32(head[4:], pos)
			order.PutUint32(head[8:], uint32(len(e.key)))
			order.PutUint32(head[12:], uint32(len(e.value)))
		} else {
			order.PutUint32(head, pos)
			order.PutUint32(head[4:], uint32(len(e.key)))
			order.PutUint64(head[8:], e.child)
		}
		at += copy(b[at:], slices.Concat(e.key, e.value))
	}
	order.PutUint16(b[8:], flagBranch)
	if leaf {
		order.PutUint16(b[8:], flagLeaf)
	}
	c.writes = append(c.writes, Write{int64(id) * int64(c.file.pageSize), b})
	c.end += uint64(n)
	return id
}
