"""Publishes pictures as frames of a camera: the encoded bytes are the message, the camera is the key.

python publish.py cam-1 shelf.jpg checkout.jpg
"""

import os
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

from confluent_kafka import Producer

if len(sys.argv) < 3:
    sys.exit("Usage: python publish.py CAMERA PICTURE...")
camera, *files = sys.argv[1:]
topic = os.environ.get("FRAMES_TOPIC", "frames")
producer = Producer(
    {
        "bootstrap.servers": os.environ.get("KAFKA_BROKERS", "localhost:9092"),
        "client.id": "example",
        # A send that is tried again is stored once.
        "enable.idempotence": True,
        # The limit of the topic; the client's own is 1 MB.
        "message.max.bytes": 8 * 1024 * 1024,
    }
)
failures = []


def delivered(error, message):
    """Without an error the broker has it: from then on it ends in exactly one event or dead letter."""
    if error is not None:
        failures.append(str(error))


for file in files:
    headers = {
        # All optional. A frame with a ce_id that is published twice within the dedupe window is recognized once.
        "ce_id": f"{time.time_ns()}-{Path(file).name}",
        "ce_source": file,
        "ce_time": datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    producer.produce(topic, key=camera, value=Path(file).read_bytes(), headers=headers, on_delivery=delivered)
    producer.poll(0)
    print(f"{camera}: {file}")
producer.flush()
if failures:
    sys.exit("\n".join(failures))
