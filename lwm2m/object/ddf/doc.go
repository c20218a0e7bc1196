// Package ddf reads definitions of Objects in the XML that the OMA registry publishes them
// in (Device Description Framework, schema LWM2M.xsd). It takes the facts that
// bootstrapping needs and leaves the descriptions.
//
// Files that people wrote by hand differ from the schema. What is clear all the same is
// read; what is not is left out, as little as possible with it. Each difference is a
// [Problem].
package ddf
