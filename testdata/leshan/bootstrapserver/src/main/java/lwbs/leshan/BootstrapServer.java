package lwbs.leshan;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;

import org.eclipse.leshan.core.SecurityMode;
import org.eclipse.leshan.core.request.BindingMode;
import org.eclipse.leshan.core.request.Identity;
import org.eclipse.leshan.server.bootstrap.BootstrapConfig;
import org.eclipse.leshan.server.bootstrap.BootstrapConfigStore;
import org.eclipse.leshan.server.bootstrap.BootstrapSession;
import org.eclipse.leshan.server.californium.bootstrap.LeshanBootstrapServer;
import org.eclipse.leshan.server.californium.bootstrap.LeshanBootstrapServerBuilder;
import org.eclipse.leshan.server.security.BootstrapSecurityStore;
import org.eclipse.leshan.server.security.SecurityInfo;

/**
 * The LwM2M Bootstrap-Server of Leshan 1.5.0, to be measured. It keeps its records in memory: each device has one whose
 * endpoint name is a common prefix and a number, and is given one account. It listens on ports of 127.0.0.1 that it
 * chooses itself, and ends with its standard input.
 *
 * <p>Arguments: the prefix, the prefix of the keys, the number of digits in both names and keys, how many devices
 * there are, and the number of the first that has no key and comes over plain CoAP.
 */
public final class BootstrapServer implements BootstrapSecurityStore, BootstrapConfigStore {

    private static final int SHORT_SERVER_ID = 101;
    private static final int LIFETIME = 86_400;

    private final String names;
    private final String keys;
    private final int digits;
    private final int devices;
    private final int firstPlain;

    public static void main(String[] args) throws IOException {
        if (args.length != 5) {
            System.err.println("usage: NAME-PREFIX KEY-PREFIX DIGITS DEVICES FIRST-PLAIN");
            System.exit(64);
        }
        new BootstrapServer(args[0], args[1], Integer.parseInt(args[2]), Integer.parseInt(args[3]),
                Integer.parseInt(args[4])).run();
        System.exit(0);
    }

    private BootstrapServer(String names, String keys, int digits, int devices, int firstPlain) {
        this.names = names;
        this.keys = keys;
        this.digits = digits;
        this.devices = devices;
        this.firstPlain = firstPlain;
    }

    private void run() throws IOException {
        InetSocketAddress anyPort = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
        LeshanBootstrapServer server = new LeshanBootstrapServerBuilder().setLocalAddress(anyPort)
                .setLocalSecureAddress(anyPort).setConfigStore(this).setSecurityStore(this).build();
        server.start();
        Events.print("listening", "coap", uri("coap", server.getUnsecuredAddress()), "coaps",
                uri("coaps", server.getSecuredAddress()), "process", ProcessHandle.current().pid());
        while (System.in.read() >= 0) {
            // until its end
        }
        server.destroy();
    }

    private static String uri(String scheme, InetSocketAddress at) {
        return scheme + "://" + at.getAddress().getHostAddress() + ":" + at.getPort();
    }

    /** The number of a device, or -1 for a name that is none. */
    private int number(String name) {
        if (!name.startsWith(names) || name.length() != names.length() + digits) {
            return -1;
        }
        try {
            int number = Integer.parseInt(name.substring(names.length()));
            return number < devices ? number : -1;
        } catch (NumberFormatException e) {
            return -1;
        }
    }

    private boolean hasKey(int number) {
        return number < firstPlain;
    }

    @Override
    public SecurityInfo getByIdentity(String identity) {
        int number = number(identity);
        return number < 0 || !hasKey(number) ? null
                : SecurityInfo.newPreSharedKeyInfo(identity, identity, key(number));
    }

    @Override
    public List<SecurityInfo> getAllByEndpoint(String endpoint) {
        SecurityInfo info = getByIdentity(endpoint);
        return info == null ? null : List.of(info);
    }

    private byte[] key(int number) {
        String text = Integer.toString(number);
        return (keys + "0".repeat(digits - text.length()) + text).getBytes(StandardCharsets.US_ASCII);
    }

    @Override
    public BootstrapConfig get(String endpoint, Identity identity, BootstrapSession session) {
        int number = number(endpoint);
        if (number < 0) {
            return null;
        }
        BootstrapConfig config = new BootstrapConfig();
        config.toDelete = List.of("/1");
        BootstrapConfig.ServerSecurity security = new BootstrapConfig.ServerSecurity();
        security.uri = "coaps://lwm2m.example.com:5684";
        security.securityMode = SecurityMode.PSK;
        security.publicKeyOrId = endpoint.getBytes(StandardCharsets.US_ASCII);
        security.secretKey = key(number);
        security.serverId = SHORT_SERVER_ID;
        config.security.put(1, security);
        BootstrapConfig.ServerConfig server = new BootstrapConfig.ServerConfig();
        server.shortId = SHORT_SERVER_ID;
        server.lifetime = LIFETIME;
        server.binding = BindingMode.U;
        config.servers.put(0, server);
        return config;
    }
}
