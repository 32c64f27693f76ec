# A package and its server as a custom image of ModelArts (docs/custom-image.md). `python infer.py image` writes this
# file as the Dockerfile of a build context, beside everything that it copies.
ARG PYTHON=3.11
FROM python:${PYTHON}-slim

# On a machine without x86-64: --build-arg TENSORFLOW=tensorflow
ARG TENSORFLOW=tensorflow-cpu
# Batch services of ModelArts need a JRE and ZIP: --build-arg BATCH=yes
ARG BATCH=

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 TF_CPP_MIN_LOG_LEVEL=2

# The user of the platform's own images. Group 100 exists in Debian.
RUN useradd --uid 1000 --gid 100 --create-home ma-user
RUN if [ -n "$BATCH" ]; then apt-get update && apt-get install --yes --no-install-recommends default-jre-headless zip \
    && rm -rf /var/lib/apt/lists/*; fi

WORKDIR /home/mind
COPY requirements-serve.txt ./
RUN pip install --no-cache-dir "$TENSORFLOW" PyYAML -r requirements-serve.txt
COPY infer.py customize_service.py ./
COPY models ./models/
COPY textjob ./textjob/
COPY shims ./shims/
COPY run.sh /home/run.sh
COPY model ./model/

USER 1000:100
EXPOSE 8080
CMD ["sh", "/home/run.sh"]
