package plan

import (
	"maps"
	"slices"

	"lwbs/lwm2m"
)

// A numbering hands out the Instance IDs of one Object. Those of instances that stay are
// handed out again for what they were given for.
type numbering struct {
	taken   map[lwm2m.InstanceID]bool
	owner   map[lwm2m.ShortServerID]lwm2m.InstanceID
	account map[string]lwm2m.InstanceID // by the name that it had
	target  map[lwm2m.Path]lwm2m.InstanceID
}

func (l *layout) numbering(o lwm2m.ObjectID, reserved []lwm2m.InstanceID) *numbering {
	n := &numbering{
		taken: make(map[lwm2m.InstanceID]bool), owner: make(map[lwm2m.ShortServerID]lwm2m.InstanceID),
		account: make(map[string]lwm2m.InstanceID), target: make(map[lwm2m.Path]lwm2m.InstanceID),
	}
	for _, id := range reserved {
		n.taken[id] = true
	}
	for _, in := range l.known {
		if in.Path.Object() != o || l.goes(in.Path) {
			continue
		}
		id := in.Path.Instance()
		n.taken[id] = true
		if slices.Contains(reserved, id) { // it may have another purpose by now
			continue
		}
		if in.ShortServerID != 0 {
			n.owner[in.ShortServerID] = id
		}
		given, ours := l.memory.entry(in.Path)
		if ours && given.Account != "" {
			n.account[given.Account] = id
		}
		if ours && given.Target.Depth() > 0 {
			n.target[given.Target] = id
		}
	}
	return n
}

// goes reports whether an Instance that the client has is certain to be deleted. One that the
// client did not tell of may be there or not, and its Delete may be refused: what is written for
// the same purpose takes its ID.
func (l *layout) goes(p lwm2m.Path) bool {
	at := slices.IndexFunc(l.deleted, func(d lwm2m.Path) bool { return d.Contains(p) })
	return at >= 0 && (l.deleted[at].Depth() < 2 || l.found != nil && has(l.found, p))
}

// next is the ID for an Instance of an account: that of the same server, else of the account
// of the same name, else the lowest that is free. No ID is handed out twice.
func (n *numbering) next(server lwm2m.ShortServerID, account string) lwm2m.InstanceID {
	if own, ok := n.owner[server]; ok && server != 0 {
		return n.use(own)
	}
	if own, ok := n.account[account]; ok && account != "" {
		return n.use(own)
	}
	return n.free()
}

// about is the ID for the Access Control Instance of a target.
func (n *numbering) about(target lwm2m.Path) lwm2m.InstanceID {
	if own, ok := n.target[target]; ok {
		return n.use(own)
	}
	return n.free()
}

// use hands out an ID that was handed out before.
func (n *numbering) use(id lwm2m.InstanceID) lwm2m.InstanceID {
	maps.DeleteFunc(n.owner, func(_ lwm2m.ShortServerID, of lwm2m.InstanceID) bool { return of == id })
	maps.DeleteFunc(n.account, func(_ string, of lwm2m.InstanceID) bool { return of == id })
	maps.DeleteFunc(n.target, func(_ lwm2m.Path, of lwm2m.InstanceID) bool { return of == id })
	return id
}

func (n *numbering) free() lwm2m.InstanceID {
	var free lwm2m.InstanceID
	for n.taken[free] {
		free++
	}
	n.taken[free] = true
	return free
}
