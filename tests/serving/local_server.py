"""A server of a few lines on a port of this machine."""

import contextlib
import http.server
import threading


@contextlib.contextmanager
def listening(handler):
    """Serves by a handler in a thread while the block runs, without a line of log, and gives the port."""
    silent = type("Silent", (handler,), {"log_message": lambda *_: None})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), silent)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
