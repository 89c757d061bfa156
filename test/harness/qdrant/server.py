"""Qdrant's own engine behind the few HTTP requests that the gallery sends: one shard a collection, one request at a time.

It is the engine, not the server: what the server adds (clusters, optimizers in the background, TLS) is not here.
Usage: server.py PORT FOLDER [API_KEY]
"""

import json
import re
import shutil
import sys
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import qdrant_edge as edge

# In KB: so low that a few hundred vectors get an HNSW graph, as millions do on a server.
INDEXING_THRESHOLD = 200


class Refusal(Exception):
    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


class Collection:
    """One shard of the engine, with its configuration beside it."""

    def __init__(self, folder):
        self.folder = folder
        self.config = json.loads((folder / "config.json").read_text())
        shard = folder / "shard"
        if (folder / "made").exists():
            self.shard = edge.EdgeShard.load(str(shard))
        else:
            shutil.rmtree(shard, ignore_errors=True)
            shard.mkdir()
            self.shard = edge.EdgeShard.create(str(shard), edge_config(self.config))
            (folder / "made").touch()

    def describe(self):
        info = self.shard.info()
        return {
            "status": "green",
            "optimizer_status": "ok",
            "points_count": info.points_count,
            "indexed_vectors_count": info.indexed_vectors_count,
            "segments_count": info.segments_count,
            "config": {
                "params": {"vectors": self.config["vectors"]},
                "hnsw_config": self.config.get("hnsw_config"),
                "quantization_config": self.config.get("quantization_config"),
                "metadata": self.config.get("metadata"),
            },
            "payload_schema": {name: {"data_type": "keyword"} for name in info.payload_schema},
        }

    def update(self, operations):
        for operation in operations:
            self.shard.update(operation)
        # The server does this in the background.
        self.shard.optimize()
        return {"operation_id": 0, "status": "completed"}

    def create_index(self, body):
        if body["field_schema"] != "keyword":
            raise Refusal(400, "only keyword indexes are known here")
        keyword = edge.PayloadSchemaType.Keyword
        return self.update([edge.UpdateOperation.create_field_index(body["field_name"], keyword)])

    def upsert(self, body):
        return self.update([upsert(body)])

    def batch(self, body):
        kinds = {"upsert": upsert, "delete": delete}
        return [self.update([kinds[kind](one)]) for entry in body["operations"] for kind, one in entry.items()]

    def query_batch(self, body):
        requests = [query_request(one) for one in body["searches"]]
        found = self.shard.query_batch(edge.QueryBatchRequest(requests))
        return [
            {"points": [{**record(point), "version": point.version, "score": point.score} for point in points]}
            for points in found
        ]

    def delete_points(self, body):
        return self.update([delete(body)])

    def scroll(self, body):
        offset = body.get("offset")
        request = edge.ScrollRequest(
            offset=None if offset is None else uuid.UUID(offset),
            limit=body["limit"],
            filter=to_filter(body.get("filter")),
            with_payload=body["with_payload"],
            with_vector=body.get("with_vector", False),
        )
        points, following = self.shard.scroll(request)
        return {
            "points": [record(point) for point in points],
            "next_page_offset": None if following is None else str(following),
        }

    def retrieve(self, body):
        return [record(point) for point in self.shard.retrieve(body["ids"], body["with_payload"], False)]

    def count(self, body):
        request = edge.CountRequest(exact=body["exact"], filter=to_filter(body.get("filter")))
        return {"count": self.shard.count(request)}

    def facet(self, body):
        hits = self.shard.facet(edge.FacetRequest(body["key"], limit=body["limit"], exact=body["exact"]))
        return {"hits": [{"value": hit.value, "count": hit.count} for hit in hits]}


def edge_config(config):
    hnsw = config["hnsw_config"]
    vectors = {
        name: edge.EdgeVectorParams(size=params["size"], distance=getattr(edge.Distance, params["distance"]))
        for name, params in named(config["vectors"]).items()
    }
    return edge.EdgeConfig(
        vectors=vectors,
        hnsw_config=edge.HnswIndexConfig(
            m=hnsw["m"], ef_construct=hnsw["ef_construct"], full_scan_threshold=INDEXING_THRESHOLD
        ),
        quantization_config=quantization(config.get("quantization_config") or {}),
        optimizers=edge.EdgeOptimizersConfig(indexing_threshold=INDEXING_THRESHOLD, default_segment_number=1),
    )


def named(vectors):
    return {"": vectors} if "size" in vectors else vectors


def quantization(config):
    if "scalar" in config:
        return edge.ScalarQuantizationConfig(edge.ScalarType.Int8, always_ram=config["scalar"]["always_ram"])
    if "binary" in config:
        return edge.BinaryQuantizationConfig(always_ram=config["binary"]["always_ram"])
    return None


def upsert(body):
    points = [edge.Point(one["id"], one["vector"], one.get("payload")) for one in body["points"]]
    return edge.UpdateOperation.upsert_points(points, to_filter(body.get("update_filter")))


def delete(body):
    return edge.UpdateOperation.delete_points_by_filter(to_filter(body["filter"]))


def to_filter(body):
    if body is None:
        return None
    unknown = set(body) - {"must", "should"}
    if unknown:
        raise Refusal(400, f"filters with {unknown} are not known here")
    return edge.Filter(**{kind: [condition(one) for one in some] for kind, some in body.items()})


def condition(body):
    if "has_id" in body:
        return edge.HasIdCondition(set(body["has_id"]))
    if "has_vector" in body:
        return edge.HasVectorCondition(body["has_vector"])
    if "should" in body:
        return to_filter(body)
    if "range" in body:
        return edge.FieldCondition(body["key"], range=edge.RangeFloat(**body["range"]))
    match = body["match"]
    wanted = edge.MatchAny(match["any"]) if "any" in match else edge.MatchValue(match["value"])
    return edge.FieldCondition(body["key"], match=wanted)


def query_request(body):
    params = body["params"]
    return edge.QueryRequest(
        limit=body["limit"],
        query=edge.Query.Nearest(body["query"], using=body["using"]),
        with_payload=body["with_payload"],
        params=edge.SearchParams(
            hnsw_ef=params["hnsw_ef"], quantization=edge.QuantizationSearchParams(**params["quantization"])
        ),
    )


def record(point):
    vector = getattr(point, "vector", None)
    return {"id": str(point.id), "payload": point.payload, **({"vector": vector} if vector else {})}


class Server:
    """All collections of a folder, and the other names that they have."""

    def __init__(self, folder, api_key):
        self.folder = folder
        self.api_key = api_key
        self.lock = threading.Lock()
        made = [path.parent for path in folder.glob("*/config.json")]
        self.collections = {path.name: Collection(path) for path in made}
        file = folder / "aliases.json"
        self.aliases = json.loads(file.read_text()) if file.exists() else {}

    def answer(self, method, path, body, key):
        if self.api_key is not None and key != self.api_key:
            raise Refusal(401, "Must provide an API key or an Authorization bearer token")
        if path == "/readyz":
            return "all shards are ready"
        with self.lock:
            if (method, path) == ("GET", "/aliases"):
                known = self.aliases.items()
                return {"aliases": [{"alias_name": one, "collection_name": other} for one, other in known]}
            if (method, path) == ("GET", "/collections"):
                return {"collections": [{"name": name} for name in self.collections]}
            if (method, path) == ("POST", "/collections/aliases"):
                return self.change_aliases(body["actions"])
        parts = re.fullmatch(r"/collections/([^/]+)(/.*)?", path)
        if parts is None:
            raise Refusal(404, f"no {path} here")
        name, action = unquote(parts[1]), parts[2] or ""
        with self.lock:
            if (method, action) == ("PUT", ""):
                return self.create(name, body)
            if (method, action) == ("DELETE", ""):
                return self.delete(name) if name in self.collections else False
            name = self.aliases.get(name, name)
            if name not in self.collections:
                raise Refusal(404, f"Not found: Collection `{name}` doesn't exist!")
            collection = self.collections[name]
            actions = {
                ("GET", ""): lambda _: collection.describe(),
                ("PUT", "/index"): collection.create_index,
                ("PUT", "/points"): collection.upsert,
                ("POST", "/points"): collection.retrieve,
                ("POST", "/points/batch"): collection.batch,
                ("POST", "/points/query/batch"): collection.query_batch,
                ("POST", "/points/scroll"): collection.scroll,
                ("POST", "/points/count"): collection.count,
                ("POST", "/points/delete"): collection.delete_points,
                ("POST", "/facet"): collection.facet,
            }
            if (method, action) not in actions:
                raise Refusal(404, f"no {method} {path} here")
            return actions[method, action](body)

    def create(self, name, config):
        if name in self.collections:
            raise Refusal(409, f"Wrong input: Collection `{name}` already exists!")
        if name in self.aliases:
            raise Refusal(400, f"Wrong input: Can't create collection with name {name}. Alias with the same name exists")
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        # The rename makes the collection, whole or not at all.
        partial = folder / "config.tmp"
        partial.write_text(json.dumps({"hnsw_config": {"m": 16, "ef_construct": 100}, **config}))
        partial.rename(folder / "config.json")
        self.collections[name] = Collection(folder)
        return True

    def change_aliases(self, actions):
        """All of them or, where one is refused, none."""
        aliases = dict(self.aliases)
        for action in actions:
            for kind, one in action.items():
                if kind == "delete_alias":
                    aliases.pop(one["alias_name"], None)
                elif one["alias_name"] in self.collections:
                    raise Refusal(409, f"Wrong input: Collection `{one['alias_name']}` already exists!")
                elif one["collection_name"] not in self.collections:
                    raise Refusal(404, f"Not found: Collection `{one['collection_name']}` doesn't exist!")
                else:
                    aliases[one["alias_name"]] = one["collection_name"]
        partial = self.folder / "aliases.tmp"
        partial.write_text(json.dumps(aliases))
        partial.rename(self.folder / "aliases.json")
        self.aliases = aliases
        return True

    def delete(self, name):
        self.aliases = {one: other for one, other in self.aliases.items() if other != name}
        collection = self.collections.pop(name)
        collection.shard.close()
        (collection.folder / "config.json").unlink()
        shutil.rmtree(collection.folder)
        return True


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "qdrant-edge"

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        path = urlsplit(self.path).path
        try:
            result = self.server.qdrant.answer(
                self.command, path, json.loads(body) if body else None, self.headers.get("api-key")
            )
            self.reply(200, {"result": result, "status": "ok", "time": 0})
        except Refusal as refusal:
            self.reply(refusal.status, {"status": {"error": str(refusal)}, "time": 0})
        except Exception as error:  # the engine's own refusals have no class of their own
            self.reply(400, {"status": {"error": f"Wrong input: {error}"}, "time": 0})

    do_GET = do_PUT = do_POST = do_DELETE = handle_any

    def reply(self, status, content):
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        """Says nothing: a line for each request would hide what matters."""


def main():
    port, folder, *key = sys.argv[1:]
    http = ThreadingHTTPServer(("127.0.0.1", int(port)), Handler)
    http.qdrant = Server(Path(folder), key[0] if key else None)
    http.serve_forever()


main()
