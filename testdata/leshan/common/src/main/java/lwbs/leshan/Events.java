package lwbs.leshan;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;

import com.fasterxml.jackson.jr.ob.JSON;

/** What happens, as one JSON object on a line of standard output each. */
public final class Events {

    private static final long START = System.nanoTime();

    private Events() {
    }

    /** Prints an event with its members, given as name, value, name, value. */
    public static synchronized void print(String event, Object... members) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("event", event);
        line.put("milliseconds", (System.nanoTime() - START) / 1_000_000);
        for (int i = 0; i < members.length; i += 2) {
            line.put((String) members[i], plain(members[i + 1]));
        }
        try {
            System.out.println(JSON.std.asString(line));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A value as JSON knows it: bytes become hexadecimal digits, whatever else is strange its text. */
    private static Object plain(Object value) {
        if (value instanceof Map<?, ?> map) {
            Map<String, Object> copy = new TreeMap<>();
            map.forEach((name, member) -> copy.put(name.toString(), plain(member)));
            return copy;
        }
        if (value instanceof byte[] bytes) {
            return HexFormat.of().formatHex(bytes);
        }
        if (value instanceof Number number) {
            return number.longValue();
        }
        return value == null || value instanceof Boolean ? value : value.toString();
    }
}
