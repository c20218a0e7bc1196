package lwbs.leshan;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

import org.eclipse.leshan.core.response.ExecuteResponse;
import org.eclipse.leshan.servers.security.EditableSecurityStore;
import org.eclipse.leshan.servers.security.NonUniqueSecurityInfoException;
import org.eclipse.leshan.servers.security.SecurityInfo;

import com.fasterxml.jackson.jr.ob.JSON;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;

/**
 * A part of the HTTP API of Leshan's server demo: the demo itself is not published as an artifact. As far as PSKs go, it
 * edits the security store: PUT /api/security/clients/ puts the security information of an endpoint, in place of what
 * there was; DELETE removes it; GET lists all. POST /api/clients/ENDPOINT/OBJECT/INSTANCE/RESOURCE has a registered
 * device execute a Resource.
 */
final class Clients {

    private static final String PATH = "/api/security/clients/";
    private static final String EXECUTE = "/api/clients/";

    /** What has a device execute a Resource. */
    interface Executor {
        /** Returns its answer, null where there is none in time. A device that is not registered is an error. */
        ExecuteResponse execute(String endpoint, int object, int instance, int resource) throws InterruptedException;
    }

    private final EditableSecurityStore store;

    private Clients(EditableSecurityStore store) {
        this.store = store;
    }

    /** Serves a store on any port of this machine, and returns its URL. */
    static String serve(EditableSecurityStore store, Executor devices) throws IOException {
        HttpServer http = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        http.createContext(PATH, new Clients(store)::answer);
        http.createContext(EXECUTE, exchange -> execute(exchange, devices));
        http.start();
        return "http://127.0.0.1:" + http.getAddress().getPort();
    }

    private void answer(HttpExchange exchange) throws IOException {
        String name = URLDecoder.decode(exchange.getRequestURI().getRawPath().substring(PATH.length()), StandardCharsets.UTF_8);
        int status = 200;
        String text = "";
        try {
            switch (exchange.getRequestMethod() + (name.isEmpty() ? "" : " name")) {
            case "PUT" -> put(new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8));
            case "GET" -> text = JSON.std.asString(all());
            case "DELETE name" -> store.remove(name, true);
            default -> status = 405;
            }
        } catch (IllegalArgumentException | ClassCastException | NullPointerException | NonUniqueSecurityInfoException e) {
            status = 400;
            text = String.valueOf(e.getMessage());
        }
        send(exchange, status, text);
    }

    private static void execute(HttpExchange exchange, Executor devices) throws IOException {
        String[] words = exchange.getRequestURI().getRawPath().substring(EXECUTE.length()).split("/");
        int status = 200;
        String text = "";
        try {
            if (!"POST".equals(exchange.getRequestMethod()) || words.length != 4) {
                throw new IllegalArgumentException("Invalid path");
            }
            ExecuteResponse answer = devices.execute(URLDecoder.decode(words[0], StandardCharsets.UTF_8),
                    Integer.parseInt(words[1]), Integer.parseInt(words[2]), Integer.parseInt(words[3]));
            if (answer == null) {
                status = 504;
                text = "Request timeout";
            } else {
                text = JSON.std.asString(Map.of("status", answer.getCode().toString(), "valid", answer.isValid(), "success",
                        answer.isSuccess(), "failure", answer.isFailure()));
            }
        } catch (IllegalArgumentException e) {
            status = 400;
            text = String.valueOf(e.getMessage());
        } catch (InterruptedException e) {
            status = 500;
            text = String.valueOf(e.getMessage());
        }
        send(exchange, status, text);
    }

    private static void send(HttpExchange exchange, int status, String text) throws IOException {
        byte[] body = text.getBytes(StandardCharsets.UTF_8);
        exchange.sendResponseHeaders(status, body.length == 0 ? -1 : body.length);
        exchange.getResponseBody().write(body);
        exchange.close();
    }

    private void put(String body) throws IOException, NonUniqueSecurityInfoException {
        Map<String, Object> info = JSON.std.mapFrom(body);
        Map<?, ?> tls = (Map<?, ?>) info.get("tls");
        if (!"psk".equals(tls.get("mode"))) {
            throw new IllegalArgumentException("this program knows the mode psk only");
        }
        Map<?, ?> details = (Map<?, ?>) tls.get("details");
        String endpoint = (String) info.get("endpoint");
        store.add(SecurityInfo.newPreSharedKeyInfo(endpoint, (String) details.get("identity"),
                HexFormat.of().parseHex((String) details.get("key"))));
        Events.print("told", "endpoint", endpoint);
    }

    private List<Object> all() {
        List<Object> all = new ArrayList<>();
        for (SecurityInfo info : store.getAll()) {
            all.add(Map.of("endpoint", info.getEndpoint(), "tls", Map.of("mode", "psk", "details",
                    Map.of("identity", info.getPskIdentity(), "key", HexFormat.of().formatHex(info.getPreSharedKey())))));
        }
        return all;
    }
}
