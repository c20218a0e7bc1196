package main

import (
	"flag"
	"os"
	"runtime"
	"strconv"
	"testing"

	"github.com/urfave/cli/v2"
	"go.uber.org/goleak"
)

// beLwbs in the environment makes the test binary the command itself.
const beLwbs = "LWBS_TEST_COMMAND"

// The tests are run by goleak, which at the end looks for goroutines that they left behind. Those that wait
// for most of their time run beside each other, after the others, also where there are few processors.
func TestMain(m *testing.M) {
	if os.Getenv(beLwbs) != "" {
		main()
		return
	}
	flag.Parse()
	if err := flag.Set("test.parallel", strconv.Itoa(max(8, runtime.GOMAXPROCS(0)))); err != nil {
		panic(err)
	}
	cli.HelpFlag = ownHelpFlag{cli.HelpFlag.(*cli.BoolFlag)}
	goleak.VerifyTestMain(m)
}

// An ownHelpFlag is the library's --help, which all apps of a process share and each run writes to, for
// apps that run at the same time.
type ownHelpFlag struct{ *cli.BoolFlag }

func (f ownHelpFlag) Apply(set *flag.FlagSet) error {
	own := *f.BoolFlag
	return own.Apply(set)
}
