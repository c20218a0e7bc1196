package lwbs.leshan;

/** How an attempt to bootstrap and register ended; also the exit status of the program. */
public enum Outcome {
    REGISTERED(0),
    BOOTSTRAP_REFUSED(2), // by either side
    BOOTSTRAP_TIMEOUT(3), // no answer, no association, or no Bootstrap-Finish
    NOT_REGISTERED(4), // bootstrapped, but the account it was given did not do
    UNDECIDED(5); // none of these until the deadline

    public final int status;

    Outcome(int status) {
        this.status = status;
    }
}
