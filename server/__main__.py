"""`python -m server`: the production server."""

import signal

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # Ctrl-C before there is anything to stop ends without a traceback of half an import.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from server.production import serve

if __name__ == "__main__":
    serve()
