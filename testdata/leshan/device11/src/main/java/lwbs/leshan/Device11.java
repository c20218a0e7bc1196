package lwbs.leshan;

import java.util.EnumSet;
import java.util.Map;
import java.util.TreeMap;

import org.eclipse.californium.core.CoapServer;
import org.eclipse.californium.core.coap.CoAP;
import org.eclipse.californium.core.coap.Request;
import org.eclipse.californium.core.coap.Response;
import org.eclipse.californium.core.network.Exchange;
import org.eclipse.californium.core.server.ServerMessageDeliverer;
import org.eclipse.californium.elements.config.Configuration;
import org.eclipse.californium.scandium.config.DtlsConfig;
import org.eclipse.leshan.client.LeshanClient;
import org.eclipse.leshan.client.LeshanClientBuilder;
import org.eclipse.leshan.client.engine.DefaultRegistrationEngineFactory;
import org.eclipse.leshan.client.object.Security;
import org.eclipse.leshan.client.object.Server;
import org.eclipse.leshan.client.resource.LwM2mObjectEnabler;
import org.eclipse.leshan.client.resource.ObjectsInitializer;
import org.eclipse.leshan.client.servers.LwM2mServer;
import org.eclipse.leshan.core.LwM2mId;
import org.eclipse.leshan.core.node.LwM2mResource;
import org.eclipse.leshan.core.request.BindingMode;
import org.eclipse.leshan.core.request.ContentFormat;
import org.eclipse.leshan.core.request.ReadRequest;
import org.eclipse.leshan.core.response.ReadResponse;
import org.eclipse.leshan.transport.californium.client.endpoint.CaliforniumClientEndpointsProvider;
import org.eclipse.leshan.transport.californium.client.endpoint.coap.CoapClientProtocolProvider;
import org.eclipse.leshan.transport.californium.client.endpoint.coaps.CoapsClientProtocolProvider;

/** A device on Leshan 2.0.0-M18: LwM2M 1.1. */
public final class Device11 extends Device {

    private final LeshanClient client;

    public static void main(String[] args) {
        new Device11(args).run();
    }

    private Device11(String[] args) {
        super(args);
        var providers = new CaliforniumClientEndpointsProvider.Builder(new CoapClientProtocolProvider(),
                new CoapsClientProtocolProvider());
        if (options.has("--cid")) {
            Configuration configuration = providers.createDefaultConfiguration();
            configuration.set(DtlsConfig.DTLS_CONNECTION_ID_LENGTH, options.number("--cid", 0));
            providers.setConfiguration(configuration);
        }
        var transport = providers.build();
        LeshanClientBuilder builder = new LeshanClientBuilder(endpoint);
        builder.setObjects(objects().createAll());
        builder.setEndpointsProviders(transport);
        builder.setRegistrationEngineFactory(engine());
        client = builder.build();
        client.addObserver(new Observer(this));
        listen(transport.getCoapServer());
    }

    private ObjectsInitializer objects() {
        ObjectsInitializer objects = new ObjectsInitializer();
        objects.setInstancesForObject(LwM2mId.SECURITY, security());
        objects.setClassForObject(LwM2mId.SERVER, Server.class);
        objects.setInstancesForObject(LwM2mId.DEVICE, new org.eclipse.leshan.client.object.Device("lwbs", "device11",
                "1", EnumSet.of(BindingMode.U)));
        return objects;
    }

    private Security security() {
        if (certified()) {
            return Security.x509Bootstrap(server, options.file("--certificate"), options.file("--private-key"),
                    options.file("--server-certificate"));
        }
        return secure() ? Security.pskBootstrap(server, identity(), key()) : Security.noSecBootstrap(server);
    }

    private DefaultRegistrationEngineFactory engine() {
        return new DefaultRegistrationEngineFactory().setRequestTimeoutInMs(REQUEST_TIMEOUT)
                .setBootstrapSessionTimeoutInSec(SESSION_TIMEOUT).setRetryWaitingTimeInMs(RETRY_PAUSE)
                .setPreferredContentFormat(format(options.get("--format", "senml-cbor")));
    }

    private static ContentFormat format(String name) {
        return switch (name) {
        case "none" -> null;
        case "tlv" -> ContentFormat.TLV;
        case "senml-json" -> ContentFormat.SENML_JSON;
        case "senml-cbor" -> ContentFormat.SENML_CBOR;
        default -> throw Options.wrong("no format " + name);
        };
    }

    /** Prints the requests that come in, and refuses those that are to be refused. */
    private void listen(CoapServer coap) {
        coap.setMessageDeliverer(new ServerMessageDeliverer(coap.getRoot(), coap.getConfig()) {
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

    /** As if Resource 1/x/9, Bootstrap-Request Trigger, had been executed: the accounts stay where they are. */
    @Override
    protected void bootstrapAgain() {
        client.triggerClientInitiatedBootstrap(true);
    }

    @Override
    protected void stop(boolean registered) {
        client.destroy(registered);
    }

    @Override
    protected Map<String, Object> accounts() {
        Map<String, Object> values = new TreeMap<>();
        for (int object : new int[] { LwM2mId.SECURITY, LwM2mId.SERVER }) {
            LwM2mObjectEnabler enabler = client.getObjectTree().getObjectEnabler(object);
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
    private static Object read(LwM2mObjectEnabler enabler, ReadRequest request) {
        try {
            ReadResponse response = enabler.read(LwM2mServer.SYSTEM, request);
            return response.isSuccess() ? value((LwM2mResource) response.getContent()) : null;
        } catch (RuntimeException e) {
            return null;
        }
    }

    private static Object value(LwM2mResource resource) {
        return resource.isMultiInstances() ? resource.getInstances() : resource.getValue();
    }
}
