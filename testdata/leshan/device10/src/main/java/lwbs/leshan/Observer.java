package lwbs.leshan;

import org.eclipse.leshan.client.observer.LwM2mClientObserverAdapter;
import org.eclipse.leshan.client.servers.ServerIdentity;
import org.eclipse.leshan.core.ResponseCode;
import org.eclipse.leshan.core.request.BootstrapRequest;
import org.eclipse.leshan.core.request.RegisterRequest;

/** Turns what Leshan reports into the outcome of an attempt. */
final class Observer extends LwM2mClientObserverAdapter {

    private final Device device;

    Observer(Device device) {
        this.device = device;
    }

    @Override
    public void onBootstrapStarted(ServerIdentity server, BootstrapRequest request) {
        Events.print("bootstrap-started", "server", server.getUri());
    }

    @Override
    public void onBootstrapSuccess(ServerIdentity server, BootstrapRequest request) {
        Events.print("bootstrapped");
    }

    @Override
    public void onBootstrapFailure(ServerIdentity server, BootstrapRequest request, ResponseCode code, String message,
            Exception cause) {
        device.ended(Outcome.BOOTSTRAP_REFUSED, "code", code, "message", message, "cause", cause);
    }

    @Override
    public void onBootstrapTimeout(ServerIdentity server, BootstrapRequest request) {
        device.ended(Outcome.BOOTSTRAP_TIMEOUT);
    }

    @Override
    public void onRegistrationSuccess(ServerIdentity server, RegisterRequest request, String registration) {
        device.ended(Outcome.REGISTERED, "server", server.getUri(), "registration", registration);
    }

    @Override
    public void onRegistrationFailure(ServerIdentity server, RegisterRequest request, ResponseCode code, String message,
            Exception cause) {
        device.ended(Outcome.NOT_REGISTERED, "code", code, "message", message, "cause", cause);
    }

    @Override
    public void onRegistrationTimeout(ServerIdentity server, RegisterRequest request) {
        device.ended(Outcome.NOT_REGISTERED, "message", "no answer");
    }

    @Override
    public void onUnexpectedError(Throwable error) {
        device.ended(Outcome.BOOTSTRAP_REFUSED, "cause", error);
    }
}
