// Package ddf reads definitions of Objects in the XML that the OMA registry publishes them
// in (Device Description Framework, schema LWM2M.xsd). It takes the facts that
// bootstrapping needs and leaves the descriptions.
package ddf
