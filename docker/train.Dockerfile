# Training jobs with today's TensorFlow as a custom image of ModelArts (docs/custom-image.md). In the project's folder:
#     docker build --file docker/train.Dockerfile --tag IMAGE .
ARG PYTHON=3.11
FROM python:${PYTHON}-slim

# With a GPU: --build-arg 'TENSORFLOW=tensorflow[and-cuda]'
ARG TENSORFLOW=tensorflow

ENV PYTHONUNBUFFERED=1 TF_CPP_MIN_LOG_LEVEL=2

# The user of the platform's own images. Group 100 exists in Debian.
RUN useradd --uid 1000 --gid 100 --create-home ma-user

WORKDIR /home/ma-user/text-classifier
COPY requirements.txt ./
RUN sed -i "s/^tensorflow\b/$TENSORFLOW/" requirements.txt && pip install --no-cache-dir -r requirements.txt
COPY train.py infer.py customize_service.py ./
COPY config ./config/
COPY models ./models/
COPY textjob ./textjob/
COPY shims ./shims/

USER 1000:100
CMD ["python", "/home/ma-user/text-classifier/train.py", "--help"]
