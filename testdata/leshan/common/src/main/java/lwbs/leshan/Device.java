package lwbs.leshan;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * A LwM2M device that bootstraps, registers with what it was given, tells what happened, and ends. Which Leshan it runs
 * on is the business of its subclasses.
 */
public abstract class Device {

    /** Waiting for an answer, in milliseconds: several seconds less than the stock 120, but more than a server needs. */
    protected static final long REQUEST_TIMEOUT = 8_000;

    /** Waiting for Bootstrap-Finish, in seconds; stock is 93. */
    protected static final int SESSION_TIMEOUT = 15;

    /** The pause before another attempt, in milliseconds: beyond the end of the program. */
    protected static final int RETRY_PAUSE = 600_000;

    protected final Options options;
    protected final String endpoint;
    protected final String server;
    protected final Refusals refusals;
    private final BlockingQueue<Outcome> outcomes = new LinkedBlockingQueue<>();

    protected Device(String[] args) {
        options = new Options(args, "--endpoint", "--server", "--identity", "--key-file", "--format", "--refuse",
                "--cid", "--rounds", "--again", "--seconds", "--certificate", "--private-key", "--server-certificate");
        endpoint = options.get("--endpoint");
        server = options.get("--server");
        refusals = new Refusals(options.all("--refuse"));
        if (server.startsWith("coaps:") != (secure() || certified())) {
            throw Options.wrong("--identity and --key-file, or --certificate, belong to coaps");
        }
    }

    protected abstract void start();

    /** Bootstraps once more with the Bootstrap-Server Account that the device now has. */
    protected abstract void bootstrapAgain();

    /** The Resources of Objects 0 and 1 by their paths. */
    protected abstract Map<String, Object> accounts();

    /** Stops, after de-registering where it is registered. */
    protected abstract void stop(boolean registered);

    protected final boolean secure() {
        return options.has("--identity");
    }

    /** Whether it is for its LwM2M Server to make it bootstrap again. */
    private boolean waitsForTrigger() {
        String again = options.get("--again", "self");
        if (!again.equals("self") && !again.equals("trigger")) {
            throw Options.wrong("--again is self or trigger");
        }
        return again.equals("trigger");
    }

    protected final boolean certified() {
        return options.has("--certificate");
    }

    protected final byte[] identity() {
        return options.get("--identity").getBytes(UTF_8);
    }

    protected final byte[] key() {
        return options.hexFile("--key-file");
    }

    /** Takes note of how the present attempt ended. */
    protected final void ended(Outcome outcome, Object... members) {
        Events.print(outcome.name().toLowerCase().replace('_', '-'), members);
        outcomes.add(outcome);
    }

    /** Runs the device until it has registered as often as asked for, or failed to; then ends the program. */
    protected final void run() {
        int status = 1;
        try {
            status = attempts();
        } catch (InterruptedException | RuntimeException e) {
            e.printStackTrace();
        }
        System.exit(status); // Leshan has threads that would keep the program alive
    }

    private int attempts() throws InterruptedException {
        int seconds = options.number("--seconds", 30);
        start();
        Outcome outcome = await(seconds);
        for (int left = options.number("--rounds", 1); outcome == Outcome.REGISTERED && --left > 0;) {
            if (!waitsForTrigger()) {
                bootstrapAgain();
            }
            outcome = await(seconds);
        }
        Events.print("accounts", "values", accounts());
        stop(outcome == Outcome.REGISTERED);
        Events.print("end", "status", outcome.status);
        return outcome.status;
    }

    private Outcome await(int seconds) throws InterruptedException {
        Outcome outcome = outcomes.poll(seconds, TimeUnit.SECONDS);
        return outcome == null ? Outcome.UNDECIDED : outcome;
    }
}
