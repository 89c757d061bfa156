"""
What PaddleClas' predict_system does to a picture, written anew from its documentation, to be measured beside Sightline: decode,
cubic resize to the detector's size, detector, the five best boxes and the whole picture, crops resized bilinearly, embedder at
batch 1, unit length, the nearest of a faiss HNSW32 index, suppression of recognized boxes.

    predict_system.py --engine paddle|onnx --detector PATH --embedder PATH --pictures DIR --gallery N --threads N

Reads lines with a number of pictures, and answers each with a line of JSON: {"pictures", "boxes", "seconds", "cpuSeconds"}.
It ends with its standard input.
"""

import argparse
import json
import resource
import sys
import time
from pathlib import Path

import cv2
import faiss
import numpy as np

MEAN = np.float32([0.485, 0.456, 0.406])
STD = np.float32([0.229, 0.224, 0.225])
DETECTOR_SIZE, EMBEDDER_SIZE, DIMENSION = 640, 224, 512
DETECTION_SCORE, MOST_BOXES = 0.2, 5
NEAREST, LEAST_SIMILARITY, RECOGNITION_IOU = 5, 0.5, 0.05


def main() -> None:
    options = arguments()
    cv2.setNumThreads(options.threads)
    faiss.omp_set_num_threads(options.threads)
    engine = {"paddle": Paddle, "onnx": Onnx}[options.engine]
    system = System(engine(options.detector, options.embedder, options.threads), made_index(options.gallery))
    # Encoded, in memory: no disk is measured.
    pictures = [path.read_bytes() for path in sorted(options.pictures.iterdir())]
    print("ready", flush=True)
    done = 0
    for line in sys.stdin:
        count, boxes = int(line), 0
        started, cpu = time.perf_counter(), cpu_seconds()
        for _ in range(count):
            boxes += system.boxes_of(pictures[done % len(pictures)])
            done += 1
        took = {"seconds": time.perf_counter() - started, "cpuSeconds": cpu_seconds() - cpu}
        print(json.dumps({"pictures": count, "boxes": boxes, **took}), flush=True)


class System:
    """The whole way of a picture, on either engine."""

    def __init__(self, engine: "Paddle | Onnx", index: faiss.Index) -> None:
        self.engine, self.index = engine, index

    def boxes_of(self, encoded: bytes) -> int:
        """How many boxes were embedded and searched."""
        picture = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]
        height, width = picture.shape[:2]
        found = self.engine.detect(planes(cv2.resize(picture, (DETECTOR_SIZE, DETECTOR_SIZE), interpolation=cv2.INTER_CUBIC)), height, width)
        best = found[found[:, 0] >= DETECTION_SCORE][:MOST_BOXES, 1:].astype(int)
        boxes = np.concatenate([best, [[0, 0, width, height]]])
        results = []
        for x1, y1, x2, y2 in boxes:
            crop = picture[max(y1, 0) : max(y2, y1 + 1), max(x1, 0) : max(x2, x1 + 1)].copy()
            vector = self.engine.embed(planes(cv2.resize(crop, (EMBEDDER_SIZE, EMBEDDER_SIZE))))
            vector = vector / np.sqrt(np.sum(np.square(vector), axis=1, keepdims=True))
            scores, places = self.index.search(vector, NEAREST)
            if scores[0][0] >= LEAST_SIMILARITY:
                results.append((float(scores[0][0]), int(places[0][0]), (x1, y1, x2, y2)))
        suppress(results)
        return len(boxes)


def planes(rgb: np.ndarray) -> np.ndarray:
    """uint8 [H, W, 3] as the networks' float32 [1, 3, H, W]."""
    normalized = (rgb.astype(np.float32) / 255.0 - MEAN) / STD
    return np.ascontiguousarray(normalized.transpose(2, 0, 1)[None])


def suppress(results: "list[tuple[float, int, tuple[int, int, int, int]]]") -> "list[tuple]":
    """Best first; what overlaps a better one by more than 0.05 goes."""
    kept: list[tuple] = []
    for one in sorted(results, reverse=True):
        if all(overlap(one[2], other[2]) <= RECOGNITION_IOU for other in kept):
            kept.append(one)
    return kept


def overlap(a: "tuple[int, ...]", b: "tuple[int, ...]") -> float:
    shared = max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


class Paddle:
    """Paddle Inference with MKLDNN, as the reference's configuration has it; the detector's graph decodes its boxes itself."""

    def __init__(self, detector: Path, embedder: Path, threads: int) -> None:
        self.detector, self.embedder = self._open(detector, threads), self._open(embedder, threads)

    @staticmethod
    def _open(folder: Path, threads: int):
        from paddle import inference

        config = inference.Config(str(folder / "inference.pdmodel"), str(folder / "inference.pdiparams"))
        config.disable_gpu()
        config.enable_mkldnn()
        config.set_cpu_math_library_num_threads(threads)
        config.disable_glog_info()
        config.switch_ir_optim(True)
        config.enable_memory_optim()
        return inference.create_predictor(config)

    @staticmethod
    def _run(predictor, inputs: "dict[str, np.ndarray]") -> np.ndarray:
        for name in predictor.get_input_names():
            predictor.get_input_handle(name).copy_from_cpu(inputs[name])
        predictor.run()
        return predictor.get_output_handle(predictor.get_output_names()[0]).copy_to_cpu()

    def detect(self, picture: np.ndarray, height: int, width: int) -> np.ndarray:
        """[K, 5]: score, x1, y1, x2, y2 in pixels, best first."""
        scale = np.float32([[DETECTOR_SIZE / height, DETECTOR_SIZE / width]])
        shape = np.float32([[DETECTOR_SIZE, DETECTOR_SIZE]])
        found = self._run(self.detector, {"image": picture, "im_shape": shape, "scale_factor": scale})[:, 1:]
        return found[np.argsort(-found[:, 0], kind="stable")]

    def embed(self, picture: np.ndarray) -> np.ndarray:
        return self._run(self.embedder, {self.embedder.get_input_names()[0]: picture})


class Onnx:
    """ONNX Runtime on the converted networks; the heads are decoded by numpy, only where a cell's score passes."""

    STRIDES, BINS, TOP_A_LEVEL, IOU = (8, 16, 32, 64), 8, 1000, 0.6

    def __init__(self, detector: Path, embedder: Path, threads: int) -> None:
        self.detector, self.embedder = self._open(detector, threads), self._open(embedder, threads)

    @staticmethod
    def _open(path: Path, threads: int):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def detect(self, picture: np.ndarray, height: int, width: int) -> np.ndarray:
        """[K, 5]: score, x1, y1, x2, y2 in pixels, best first."""
        heads = self.detector.run(None, {self.detector.get_inputs()[0].name: picture})
        found = np.concatenate([self._level(head[0], stride) for head, stride in zip(heads, self.STRIDES)])
        found[:, 1:] *= np.float32([width, height, width, height]) / DETECTOR_SIZE
        found[:, 1:] = np.clip(found[:, 1:], 0, [width, height, width, height])
        sides = np.concatenate([found[:, 1:3], found[:, 3:] - found[:, 1:3]], 1)
        kept = cv2.dnn.NMSBoxes(sides.tolist(), found[:, 0].tolist(), DETECTION_SCORE, self.IOU)
        return found[np.asarray(kept, int).ravel()]

    def _level(self, head: np.ndarray, stride: int) -> np.ndarray:
        logits = head[0].ravel()
        seen = np.flatnonzero(logits >= np.log(DETECTION_SCORE / (1 - DETECTION_SCORE)))
        if len(seen) > self.TOP_A_LEVEL:
            seen = seen[np.argpartition(-logits[seen], self.TOP_A_LEVEL)[: self.TOP_A_LEVEL]]
        bins = head[1:].reshape(4, self.BINS, -1)[:, :, seen]
        weights = np.exp(bins - bins.max(1, keepdims=True))
        left, top, right, bottom = np.einsum("sbk,b->sk", weights, np.arange(self.BINS)) / weights.sum(1) * stride
        x, y = (seen % head.shape[2] + 0.5) * stride, (seen // head.shape[2] + 0.5) * stride
        return np.stack([1 / (1 + np.exp(-logits[seen])), x - left, y - top, x + right, y + bottom], 1).astype(np.float32)

    def embed(self, picture: np.ndarray) -> np.ndarray:
        return self.embedder.run(None, {self.embedder.get_inputs()[0].name: picture})[0]


def made_index(count: int) -> faiss.Index:
    """HNSW32 over random unit vectors, searched by inner product."""
    vectors = np.random.default_rng(0).standard_normal((count, DIMENSION), np.float32)
    index = faiss.index_factory(DIMENSION, "HNSW32", faiss.METRIC_INNER_PRODUCT)
    index.add(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    return index


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The reference's way of a picture, measured.")
    parser.add_argument("--engine", choices=("paddle", "onnx"), required=True)
    parser.add_argument("--detector", type=Path, required=True, help="paddle: folder; onnx: file")
    parser.add_argument("--embedder", type=Path, required=True)
    parser.add_argument("--pictures", type=Path, required=True, help="folder of JPEGs")
    parser.add_argument("--gallery", type=int, default=10_000, help="random vectors to search")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
