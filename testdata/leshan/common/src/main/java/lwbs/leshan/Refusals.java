package lwbs.leshan;

import java.util.Collection;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Requests that the device refuses on purpose, as "METHOD:PATH=CODE", such as "PUT:/1=4.00". A rule holds for the path
 * and all below it.
 */
public final class Refusals {

    private static final Pattern RULE = Pattern.compile("([A-Z]+):(/\\S*)=([45])\\.(\\d\\d)");

    private record Rule(String method, String path, int code) {
        boolean applies(String method, String path) {
            return method.equals(this.method) && (path + "/").startsWith(this.path + "/");
        }
    }

    private final List<Rule> rules;

    public Refusals(Collection<String> rules) {
        this.rules = rules.stream().map(Refusals::parse).toList();
    }

    private static Rule parse(String text) {
        Matcher rule = RULE.matcher(text);
        if (!rule.matches()) {
            throw Options.wrong("want METHOD:PATH=CODE instead of " + text);
        }
        int code = Integer.parseInt(rule.group(3)) << 5 | Integer.parseInt(rule.group(4));
        return new Rule(rule.group(1), rule.group(2), code);
    }

    /** Prints the request, and returns the CoAP code to refuse it with, or 0 to let the device answer. */
    public int code(String method, String path, int format, int bytes) {
        int code = rules.stream().filter(rule -> rule.applies(method, path)).mapToInt(Rule::code).findFirst().orElse(0);
        Events.print("request", "method", method, "path", path, "format", format, "bytes", bytes, "refused", code != 0);
        return code;
    }
}
