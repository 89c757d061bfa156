"""PP-ShiTuV2's own index, faiss' HNSW32 with inner product, on one thread a query: built of raw float32 rows, then asked."""
import json
import os
import sys
import tempfile
import time

import faiss
import numpy as np

enrolled, asked, dimension, nearest, frame = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
vectors = np.fromfile(enrolled, np.float32).reshape(-1, dimension)
queries = np.fromfile(asked, np.float32).reshape(-1, dimension)

started = time.perf_counter()
index = faiss.index_factory(dimension, "HNSW32", faiss.METRIC_INNER_PRODUCT)
index.add(vectors)
built = time.perf_counter() - started

faiss.omp_set_num_threads(1)
single, batched, found = [], [], []
for number in range(len(queries)):
    started = time.perf_counter()
    _, ids = index.search(queries[number : number + 1], nearest)
    single.append((time.perf_counter() - started) * 1000)
    found.append(ids[0].tolist())
    several = queries[np.arange(number, number + frame) % len(queries)]
    started = time.perf_counter()
    index.search(several, nearest)
    batched.append((time.perf_counter() - started) * 1000)

with tempfile.NamedTemporaryFile() as file:
    faiss.write_index(index, file.name)
    size = os.path.getsize(file.name)
print(json.dumps({"builtMs": built * 1000, "bytes": size, "single": single, "batched": batched, "found": found}))
