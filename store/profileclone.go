package store

import (
	"maps"
	"slices"
)

// Clone returns a copy that shares nothing with p.
func (p Profile) Clone() Profile {
	p.Accounts = cloneEach(p.Accounts, Account.clone)
	p.AccessControl = cloneEach(p.AccessControl, AccessControl.clone)
	p.Objects = cloneEach(p.Objects, ObjectValues.clone)
	p.Delete.Paths = slices.Clone(p.Delete.Paths)
	if p.BootstrapServer != nil {
		b := *p.BootstrapServer
		b.ClientHoldOffTime = clonePointer(b.ClientHoldOffTime)
		p.BootstrapServer = &b
	}
	return p
}

func (a Account) clone() Account {
	a.RenamedFrom, a.Servers = slices.Clone(a.RenamedFrom), slices.Clone(a.Servers)
	a.Lifetime = clonePointer(a.Lifetime)
	a.NotificationStoring = clonePointer(a.NotificationStoring)
	if a.OSCORE != nil {
		o := *a.OSCORE
		o.AEADAlgorithm, o.HMACAlgorithm = clonePointer(o.AEADAlgorithm), clonePointer(o.HMACAlgorithm)
		a.OSCORE = &o
	}
	a.SecurityResources = cloneLiterals(a.SecurityResources)
	a.ServerResources = cloneLiterals(a.ServerResources)
	return a
}

func (a AccessControl) clone() AccessControl {
	a.Rights = maps.Clone(a.Rights)
	return a
}

func (o ObjectValues) clone() ObjectValues {
	o.Resources = cloneLiterals(o.Resources)
	return o
}

func (l Literal) clone() Literal {
	l.Text, l.Number, l.Boolean = clonePointer(l.Text), clonePointer(l.Number), clonePointer(l.Boolean)
	l.Instances = cloneLiterals(l.Instances)
	return l
}

func cloneLiterals[K comparable](literals map[K]Literal) map[K]Literal {
	out := maps.Clone(literals)
	for k, l := range out {
		out[k] = l.clone()
	}
	return out
}

func cloneEach[T any](list []T, clone func(T) T) []T {
	out := slices.Clone(list)
	for i := range out {
		out[i] = clone(out[i])
	}
	return out
}

func clonePointer[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}
