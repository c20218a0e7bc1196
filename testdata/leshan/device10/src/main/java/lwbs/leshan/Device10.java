package lwbs.leshan;

import java.util.Map;
import java.util.TreeMap;

import org.eclipse.californium.core.CoapServer;
import org.eclipse.californium.core.coap.CoAP;
import org.eclipse.californium.core.coap.Request;
import org.eclipse.californium.core.coap.Response;
import org.eclipse.californium.core.network.Exchange;
import org.eclipse.californium.core.server.ServerMessageDeliverer;
import org.eclipse.leshan.client.californium.LeshanClient;
import org.eclipse.leshan.client.californium.LeshanClientBuilder;
import org.eclipse.leshan.client.engine.DefaultRegistrationEngineFactory;
import org.eclipse.leshan.client.object.Security;
import org.eclipse.leshan.client.object.Server;
import org.eclipse.leshan.client.resource.ObjectEnabler;
import org.eclipse.leshan.client.resource.ObjectsInitializer;
import org.eclipse.leshan.client.servers.ServerIdentity;
import org.eclipse.leshan.client.servers.ServersInfoExtractor;
import org.eclipse.leshan.core.LwM2mId;
import org.eclipse.leshan.core.node.LwM2mResource;
import org.eclipse.leshan.core.request.ReadRequest;
import org.eclipse.leshan.core.response.ReadResponse;

/** A device on Leshan 1.5.0: LwM2M 1.0. It writes and reads TLV only. */
public final class Device10 extends Device {

    private final LeshanClient client;

    public static void main(String[] args) {
        new Device10(args).run();
    }

    private Device10(String[] args) {
        super(args);
        if (certified()) {
            throw Options.wrong("--certificate is for device11");
        }
        LeshanClientBuilder builder = new LeshanClientBuilder(endpoint);
        builder.setObjects(objects().createAll());
        builder.setRegistrationEngineFactory(engine());
        client = builder.build();
        client.addObserver(new Observer(this));
        listen(client.coap().getServer());
    }

    private ObjectsInitializer objects() {
        ObjectsInitializer objects = new ObjectsInitializer();
        objects.setInstancesForObject(LwM2mId.SECURITY,
                secure() ? Security.pskBootstrap(server, identity(), key()) : Security.noSecBootstap(server));
        objects.setClassForObject(LwM2mId.SERVER, Server.class);
        objects.setInstancesForObject(LwM2mId.DEVICE, new org.eclipse.leshan.client.object.Device("lwbs", "device10",
                "1", "U"));
        return objects;
    }

    private DefaultRegistrationEngineFactory engine() {
        return new DefaultRegistrationEngineFactory().setRequestTimeoutInMs(REQUEST_TIMEOUT)
                .setBootstrapSessionTimeoutInSec(SESSION_TIMEOUT).setRetryWaitingTimeInMs(RETRY_PAUSE);
    }

    /** Prints the requests that come in, and refuses those that are to be refused. */
    private void listen(CoapServer coap) {
        coap.setMessageDeliverer(new ServerMessageDeliverer(coap.getRoot()) {
            @Override
            protected boolean preDeliverRequest(Exchange exchange) {
                Request request = exchange.getRequest();
                int code = refusals.code(request.getCode().name(), "/" + request.getOptions().getUriPathString(),
                        request.getOptions().getContentFormat(), request.getPayloadSize());
                if (code != 0) {
                    exchange.sendResponse(new Response(CoAP.ResponseCode.valueOf(code)));
                }
                return code != 0;
            }
        });
    }

    @Override
    protected void start() {
        client.start();
    }

    /** LwM2M 1.0 has no trigger: the device forgets its LwM2M Servers, and starts anew with what is left. */
    @Override
    protected void bootstrapAgain() {
        client.stop(true);
        ObjectEnabler security = enabler(LwM2mId.SECURITY);
        ObjectEnabler servers = enabler(LwM2mId.SERVER);
        security.getAvailableInstanceIds().stream()
                .filter(id -> !ServersInfoExtractor.isBootstrapServer(security.getInstance(id)))
                .forEach(security::removeInstance);
        servers.getAvailableInstanceIds().forEach(servers::removeInstance);
        client.start();
    }

    private ObjectEnabler enabler(int object) {
        return (ObjectEnabler) client.getObjectTree().getObjectEnabler(object);
    }

    @Override
    protected void stop(boolean registered) {
        client.destroy(registered);
    }

    @Override
    protected Map<String, Object> accounts() {
        Map<String, Object> values = new TreeMap<>();
        for (int object : new int[] { LwM2mId.SECURITY, LwM2mId.SERVER }) {
            ObjectEnabler enabler = enabler(object);
            for (int instance : enabler.getAvailableInstanceIds()) {
                for (int resource : enabler.getAvailableResourceIds(instance)) {
                    ReadRequest request = new ReadRequest(object, instance, resource);
                    values.put(request.getPath().toString(), read(enabler, request));
                }
            }
        }
        return values;
    }

    /** The value of a Resource; null where it has none, which Leshan takes for a fault. */
    private static Object read(ObjectEnabler enabler, ReadRequest request) {
        try {
            ReadResponse response = enabler.read(ServerIdentity.SYSTEM, request);
            return response.isSuccess() ? value((LwM2mResource) response.getContent()) : null;
        } catch (RuntimeException e) {
            return null;
        }
    }

    private static Object value(LwM2mResource resource) {
        return resource.isMultiInstances() ? resource.getValues() : resource.getValue();
    }
}
