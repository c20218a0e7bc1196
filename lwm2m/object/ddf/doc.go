// Package ddf reads definitions of Objects in the XML of the OMA registry (Device Description Framework,
// schema LWM2M.xsd). It reads the facts that bootstrapping needs and ignores the descriptions.
//
// Files that people wrote by hand differ from the schema. Where the meaning is clear they are read;
// otherwise the smallest possible part is left out. Each difference is a [Problem].
package ddf
