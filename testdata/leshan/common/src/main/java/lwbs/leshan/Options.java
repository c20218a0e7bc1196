package lwbs.leshan;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

/** Command line options, all of the form "--name value". A mistake among them ends the program with status 64. */
public final class Options {

    private final Map<String, List<String>> given = new HashMap<>();

    public Options(String[] args, String... known) {
        for (int i = 0; i < args.length; i += 2) {
            if (!List.of(known).contains(args[i]) || i + 1 == args.length) {
                throw wrong("want a value for one of " + String.join(", ", known) + " instead of " + args[i]);
            }
            given.computeIfAbsent(args[i], name -> new ArrayList<>()).add(args[i + 1]);
        }
    }

    /** Every value of an option that may be repeated. */
    public List<String> all(String name) {
        return given.getOrDefault(name, List.of());
    }

    public boolean has(String name) {
        return given.containsKey(name);
    }

    public String get(String name) {
        if (!has(name)) {
            throw wrong(name + " is missing");
        }
        return get(name, null);
    }

    /** The last value given, else the default. */
    public String get(String name, String byDefault) {
        return has(name) ? all(name).get(all(name).size() - 1) : byDefault;
    }

    public int number(String name, int byDefault) {
        try {
            return Integer.parseInt(get(name, "" + byDefault));
        } catch (NumberFormatException e) {
            throw wrong(name + ": " + e.getMessage());
        }
    }

    /** The bytes that the named file holds as hexadecimal digits. */
    public byte[] hexFile(String name) {
        try {
            return HexFormat.of().parseHex(Files.readString(Path.of(get(name))).strip());
        } catch (IOException | IllegalArgumentException e) {
            throw wrong(name + ": " + e);
        }
    }

    /** The bytes of the named file. */
    public byte[] file(String name) {
        try {
            return Files.readAllBytes(Path.of(get(name)));
        } catch (IOException e) {
            throw wrong(name + ": " + e);
        }
    }

    /** Ends the program. It returns nothing; the type lets callers write "throw". */
    public static RuntimeException wrong(String mistake) {
        System.err.println(mistake);
        System.exit(64);
        return new IllegalStateException(mistake);
    }
}
