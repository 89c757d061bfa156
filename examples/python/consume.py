"""Prints what was seen, one line an event, until it is stopped. A new group starts with the oldest event that is kept.

python consume.py my-group
"""

import json
import os
import signal
import sys

from confluent_kafka import Consumer

consumer = Consumer(
    {
        "bootstrap.servers": os.environ.get("KAFKA_BROKERS", "localhost:9092"),
        "client.id": "example",
        "group.id": sys.argv[1] if len(sys.argv) > 1 else "example",
        "auto.offset.reset": "earliest",
        # The client's default, said aloud: each frame's event once, whichever service was killed when.
        "isolation.level": "read_committed",
    }
)
running = True


def stop(*_):
    global running
    running = False


signal.signal(signal.SIGINT, stop)
signal.signal(signal.SIGTERM, stop)
consumer.subscribe([os.environ.get("RECOGNITIONS_TOPIC", "recognitions")])
while running:
    message = consumer.poll(0.2)
    if message is None:
        continue
    if message.error() is not None:
        print(message.error(), file=sys.stderr)
        continue
    event = json.loads(message.value())
    what = ", ".join(f"{seen['label'] or 'unknown'} {seen['score']:.2f}" for seen in event["objects"])
    print(f"{event['capturedAt']} {event['camera']}: {event['skipped'] or what or 'nothing'}", flush=True)
consumer.close()
