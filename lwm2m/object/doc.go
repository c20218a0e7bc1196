// Package object has the definitions of Objects and their Resources: the facts of the OMA registry that
// bootstrapping needs, in each version. Some Objects are built in; a [Registry] adds others.
package object
