// Package profilefile reads and writes profile files: YAML, or JSON, which is YAML too. It also reads
// the JSON form of the admin API. Every mistake is reported with its line.
//
//	name: meter
//	accounts:
//	  - name: main
//	    uri: coaps://lwm2m.example.com:5684
//	    shortServerID: 101
//	    lifetime: 24h
//	    defaultMinimumPeriod: 10   # any Resource of Objects 0 and 1, by its name
//	objects:
//	  - path: /3/0
//	    resources: {14: "+02:00", timezone: Europe/Berlin}
package profilefile
