"""Sends what standard input says with confluent-kafka; see test/harness/kafka-clients.ts for the JSON."""

import base64
import json
import sys

from confluent_kafka import Producer


def data(text):
    return None if text is None else base64.b64decode(text)


def failed(error, _message):
    if error is not None:
        sys.exit(f"not delivered: {error}")


plan = json.load(sys.stdin)
for run in plan["runs"]:
    producer = Producer({"bootstrap.servers": plan["brokers"], "partitioner": "murmur2_random", **run["config"]})
    if "transactional.id" in run["config"]:
        producer.init_transactions(20)
    for step in run["steps"]:
        if step == "begin":
            producer.begin_transaction()
        elif step == "commit":
            producer.commit_transaction(20)
        elif step == "abort":
            producer.flush(20)
            producer.abort_transaction(20)
        else:
            value = data(step["value"])
            headers = [(name, data(text)) for name, text in step["headers"]]
            producer.produce(
                run["topic"],
                key=data(step["key"]),
                value=bytes(step["zeros"]) if "zeros" in step else value,
                headers=headers,
                timestamp=step.get("timestamp", 0),
                on_delivery=failed,
            )
    if producer.flush(30) > 0:
        sys.exit("not all were delivered")
