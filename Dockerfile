# The server with both local engines. All it keeps is in the volume /data; it listens on port 3000.
#
#   docker build -t receipts .
#   docker run -p 127.0.0.1:3000:3000 -v receipts:/data receipts
#
# To let others in, publish the port on another address, and set API_KEY and TRUSTED_HOSTS (the names
# it is reached by besides localhost): -e API_KEY=... -e TRUSTED_HOSTS=receipts.lan
# Every client has another address here, that of Docker's bridge, so ALLOW_REMOTE=1 lets them in: who
# reaches the port is decided by -p.
# The multi-architecture index of that tag in September 2026: both kinds of processor.
FROM python:3.11.16-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b

RUN apt-get update \
    && apt-get install -y --no-install-recommends make tesseract-ocr \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home receipts && install -d -o receipts -g receipts -m 700 /data

WORKDIR /app
COPY Makefile requirements.txt constraints.txt requirements-openvino.txt ./
# OpenVINO (180 MB) is in every image for amd64, since it runs on other processors than it is built on.
RUN PIP_NO_CACHE_DIR=1 make .venv/ready OPENVINO=yes
COPY . .

USER receipts
ENV DATA_DIR=/data ALLOW_REMOTE=1 PYTHONUNBUFFERED=1
VOLUME /data
EXPOSE 3000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python3", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:3000/health', timeout=4)"]

# The command of `make serve HOST=0.0.0.0`, as process 1 so that it hears `docker stop`.
CMD [".venv/bin/python", "-m", "server", "--host", "0.0.0.0", "--port", "3000"]
