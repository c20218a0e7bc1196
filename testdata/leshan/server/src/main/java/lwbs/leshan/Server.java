package lwbs.leshan;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.Collection;
import java.util.HexFormat;

import org.eclipse.leshan.core.LwM2mId;
import org.eclipse.leshan.core.endpoint.Protocol;
import org.eclipse.leshan.core.node.LwM2mPath;
import org.eclipse.leshan.core.observation.Observation;
import org.eclipse.leshan.core.peer.PskIdentity;
import org.eclipse.leshan.core.request.BindingMode;
import org.eclipse.leshan.core.request.ExecuteRequest;
import org.eclipse.leshan.core.response.ExecuteResponse;
import org.eclipse.leshan.server.LeshanServer;
import org.eclipse.leshan.server.LeshanServerBuilder;
import org.eclipse.leshan.server.registration.Registration;
import org.eclipse.leshan.server.registration.RegistrationListener;
import org.eclipse.leshan.server.registration.RegistrationUpdate;
import org.eclipse.leshan.servers.security.InMemorySecurityStore;
import org.eclipse.leshan.servers.security.NonUniqueSecurityInfoException;
import org.eclipse.leshan.servers.security.SecurityInfo;
import org.eclipse.leshan.transport.californium.server.endpoint.CaliforniumServerEndpointsProvider;
import org.eclipse.leshan.transport.californium.server.endpoint.coap.CoapServerProtocolProvider;
import org.eclipse.leshan.transport.californium.server.endpoint.coaps.CoapsServerProtocolProvider;

/**
 * A LwM2M Server on Leshan 2.0.0-M18, where devices register over CoAP, or DTLS with a pre-shared key. It listens on
 * ports of 127.0.0.1 that it chooses itself, and ends with its standard input.
 *
 * <p>A line "psk ENDPOINT IDENTITY HEX" of standard input tells it the credentials of a device. A device that has some
 * may not register without. A line "trigger ENDPOINT" executes the Bootstrap-Request Trigger of a registered device.
 */
public final class Server {

    /** The Resource Bootstrap-Request Trigger of Object 1. */
    private static final int TRIGGER = 9;

    /** For how long a device may answer, in milliseconds. */
    private static final long PATIENCE = 20_000;

    /** The same for what the HTTP API asks, as in the demo. */
    private static final long DEMO_PATIENCE = 5_000;

    private final InMemorySecurityStore security = new InMemorySecurityStore();
    private final LeshanServer server;

    public static void main(String[] args) throws IOException {
        new Server().run();
        System.exit(0);
    }

    private Server() {
        var transport = new CaliforniumServerEndpointsProvider.Builder(new CoapServerProtocolProvider(),
                new CoapsServerProtocolProvider());
        InetSocketAddress anyPort = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
        transport.addEndpoint(anyPort, Protocol.COAP);
        transport.addEndpoint(anyPort, Protocol.COAPS);
        LeshanServerBuilder builder = new LeshanServerBuilder();
        builder.setEndpointsProviders(transport.build());
        builder.setSecurityStore(security);
        server = builder.build();
        server.getRegistrationService().addListener(new Reporter());
    }

    private void run() throws IOException {
        server.start();
        Events.print("listening", "coap", server.getEndpoint(Protocol.COAP).getURI(), "coaps",
                server.getEndpoint(Protocol.COAPS).getURI(), "http", Clients.serve(security, this::execute));
        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in));
        for (String line = commands.readLine(); line != null; line = commands.readLine()) {
            obey(line.split(" "));
        }
        server.destroy();
    }

    private void obey(String[] words) {
        try {
            switch (words[0] + "/" + words.length) {
            case "psk/4" -> accept(words[1], words[2], HexFormat.of().parseHex(words[3]));
            case "trigger/2" -> trigger(words[1]);
            default -> throw new IllegalArgumentException("want: psk ENDPOINT IDENTITY HEX, or: trigger ENDPOINT");
            }
        } catch (IllegalArgumentException | NonUniqueSecurityInfoException e) {
            Events.print("mistake", "message", e);
        }
    }

    private void accept(String endpoint, String identity, byte[] key) throws NonUniqueSecurityInfoException {
        security.add(SecurityInfo.newPreSharedKeyInfo(endpoint, identity, key));
        Events.print("accepts", "endpoint", endpoint);
    }

    /** Executes /1/x/9 where the device has its LwM2M Server Object. */
    private void trigger(String endpoint) {
        Registration device = server.getRegistrationService().getByEndpoint(endpoint);
        if (device == null) {
            throw new IllegalArgumentException(endpoint + " is not registered");
        }
        LwM2mPath account = device.getAvailableInstances().stream().filter(path -> path.getObjectId() == LwM2mId.SERVER)
                .findFirst().orElseThrow(() -> new IllegalArgumentException(endpoint + " has no Instance of Object 1"));
        ExecuteRequest request = new ExecuteRequest(LwM2mId.SERVER, account.getObjectInstanceId(), TRIGGER);
        server.send(device, request, PATIENCE, answer -> triggered(endpoint, answer),
                e -> Events.print("mistake", "message", e));
    }

    /** Executes a Resource of a registered device, as the HTTP API asks. */
    private ExecuteResponse execute(String endpoint, int object, int instance, int resource) throws InterruptedException {
        Registration device = server.getRegistrationService().getByEndpoint(endpoint);
        if (device == null) {
            throw new IllegalArgumentException("no registered client with id '" + endpoint + "'");
        }
        return server.send(device, new ExecuteRequest(object, instance, resource), DEMO_PATIENCE);
    }

    private static void triggered(String endpoint, ExecuteResponse answer) {
        Events.print("triggered", "endpoint", endpoint, "code", answer.getCode());
    }

    private static final class Reporter implements RegistrationListener {

        @Override
        public void registered(Registration device, Registration before, Collection<Observation> observations) {
            Events.print("registered", "endpoint", device.getEndpoint(), "identity", identity(device), "version",
                    device.getLwM2mVersion(), "lifetime", device.getLifeTimeInSec(), "binding",
                    BindingMode.toString(device.getBindingMode()));
        }

        /** The PSK identity that the device proved; null over plain CoAP. */
        private static String identity(Registration device) {
            return device.getClientTransportData().getIdentity() instanceof PskIdentity psk ? psk.getPskIdentity()
                    : null;
        }

        @Override
        public void updated(RegistrationUpdate update, Registration device, Registration before) {
            Events.print("updated", "endpoint", device.getEndpoint());
        }

        @Override
        public void unregistered(Registration device, Collection<Observation> observations, boolean expired,
                Registration next) {
            Events.print("deregistered", "endpoint", device.getEndpoint());
        }
    }
}
